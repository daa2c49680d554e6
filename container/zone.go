package container

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"plumb/container/names"
)

// A zoneCache is what the name server of a container knows: the containers of its network, who say of themselves who they are. It is made anew
// when the generation of the ruleset has changed, for nobody comes or goes without a lease, and when a host end has: who comes says so some time after
// taking the lease, and who goes has a link for some time after giving it back.
type zoneCache struct {
	host    *Host
	a       *Attachment
	changes atomic.Uint32 // of host ends, counted by who hears of them

	mu   sync.Mutex
	gen  uint32
	seen uint32 // of changes
	zone *names.Zone
}

// get returns the zone. Where it cannot be read the last one stays.
func (z *zoneCache) get() *names.Zone {
	z.mu.Lock()
	defer z.mu.Unlock()
	seen := z.changes.Load()
	gen, err := z.host.nat.GenID()
	if err == nil && (gen != z.gen || seen != z.seen || z.zone == nil) {
		var zone *names.Zone
		var whole bool
		if zone, whole, err = z.read(); err == nil {
			z.gen, z.seen, z.zone = gen, seen, zone
			if !whole {
				z.gen = 0 // to look again, though nobody has told yet
			}
		}
	}
	if err != nil {
		z.host.notice(fmt.Sprintf("the containers' names are not known in %s: %v", z.a.Name, err))
	}
	return z.zone
}

// read makes the zone. It is not whole where a host end does not say yet whose it is.
func (z *zoneCache) read() (zone *names.Zone, whole bool, err error) {
	ends, err := z.host.hostEnds()
	if err != nil {
		return nil, false, err
	}
	var hosts []names.Host
	whole = true
	for i := range ends {
		id, ok := identityOf(&ends[i])
		whole = whole && ok
		if !ok || id.pool != 0 || dying(&ends[i]) || !z.sameNetwork(&id) {
			continue
		}
		h := names.Host{Names: []string{id.name}}
		if id.host != id.name {
			h.Names = append(h.Names, id.host)
		}
		for _, p := range []netip.Prefix{id.addr, id.addr6} {
			if p.IsValid() {
				h.Addrs = append(h.Addrs, p.Addr())
			}
		}
		hosts = append(hosts, h)
	}
	return names.NewZone(hosts), whole, nil
}

// sameNetwork says whether a container is in the network that the zone is of: the two have a subnet in common.
func (z *zoneCache) sameNetwork(id *identity) bool {
	return z.a.Addr.IsValid() && id.addr.IsValid() && z.a.Addr.Masked() == id.addr.Masked() ||
		z.a.Addr6.IsValid() && id.addr6.IsValid() && z.a.Addr6.Masked() == id.addr6.Masked()
}

// A resolver is whom a container's name server asks for what it does not know: the servers that were given, or those of the host's
// /etc/resolv.conf, read again when it has changed. Those on loopback addresses are reached, since it is asked from the host.
type resolver struct {
	given []netip.Addr
	none  bool // an internal container's resolver must not be its way out (CVE-2024-29018)

	mu      sync.Mutex
	changed time.Time
	servers []netip.AddrPort
}

func (r *resolver) upstreams() []netip.AddrPort {
	if r.none {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	info, err := os.Stat("/etc/resolv.conf")
	if err != nil || !info.Mode().IsRegular() || len(r.given) > 0 {
		return portsOf(r.given)
	}
	if !info.ModTime().Equal(r.changed) {
		if text, err := os.ReadFile("/etc/resolv.conf"); err == nil {
			r.changed, r.servers = info.ModTime(), portsOf(parseResolvConf(string(text)).Servers)
		}
	}
	return r.servers
}

func portsOf(servers []netip.Addr) []netip.AddrPort {
	var all []netip.AddrPort
	for _, s := range servers {
		if s.Zone() == "" && !s.IsUnspecified() {
			all = append(all, netip.AddrPortFrom(s.Unmap(), 53))
		}
	}
	return all
}

// ownResolvConf is a container's /etc/resolv.conf where plumb answers names there. A name without a dot is asked for as it is first, since other
// containers are called so.
func ownResolvConf(host HostResolver, config DNSConfig) string {
	config.Servers = []netip.Addr{names.Addr}
	options := config.Options
	if len(options) == 0 {
		options = parseResolvConf(host.ResolvConf).Options
	}
	if !slices.ContainsFunc(options, func(o string) bool { return strings.HasPrefix(o, "ndots:") }) {
		config.Options = append(slices.Clone(options), "ndots:0")
	}
	text, _ := ResolvConf(host, config)
	return text
}
