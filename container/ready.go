package container

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"plumb/container/netns"
	"plumb/nat"

	"golang.org/x/sys/unix"
)

// A readyNet is a network of a pool: the namespace that it is of, and an attachment under a name of the pool's own. The namespace lives as long as
// somebody holds a descriptor of it, and the links with it: whoever holds a ready and is killed leaves what every killed container leaves.
type readyNet struct {
	Attachment
	ns *netns.NS
}

// poolName begins the names of what waits in a pool.
const poolName = "pool-"

// isPoolLink says whether a host end was made for a pool. It keeps its name when it is taken, and gets the container's as a further one.
func isPoolLink(link string) bool { return strings.HasPrefix(link, linkPrefix+poolName) }

// pooled says whether a lease is a host end's, whoever it says that it is of: one that was taken from a pool says so before the lease does.
func (id *identity) pooled(l *nat.Lease) bool {
	return (id.pool != 0 || id.since != 0) && id.taken.Milliseconds() == l.Comment.Taken.Milliseconds()
}

// makeReady makes a network for a pool that process pid holds.
func (h *Host) makeReady(ctx context.Context, n Network, pid int) (*readyNet, error) {
	ns, err := netns.New()
	if err != nil {
		return nil, err
	}
	n.pool = pid
	const tries = 4 // of names, of which there are 2^28
	for i := range tries {
		n.Name = fmt.Sprintf("%s%07x", poolName, rand.Uint32()>>4)
		var a *Attachment
		a, err = h.Attach(ctx, n, ns)
		if err == nil {
			return &readyNet{*a, ns}, nil
		}
		if !errors.Is(err, unix.EEXIST) || i == tries-1 {
			break
		}
	}
	return nil, errors.Join(fmt.Errorf("make a network for the pool: %w", err), ns.Close())
}

// discard gives back what nobody has taken.
func (h *Host) discard(r *readyNet) error {
	err := h.Release(&r.Attachment)
	return errors.Join(err, r.ns.Close())
}

// otherThan is the error of who asks for something else than a pool's networks have.
//
//go:noinline
func otherThan(field, value, has string) error {
	return &FlagError{field, value, "a network from the pool " + has + ": fill the pool with what is wanted, or take none from it"}
}

// fit makes n, which a container asks for, what it gets: what it leaves open is as the pool's networks have it. What they cannot become is a *FlagError.
func (n *Network) fit(r *readyNet, pool *Network) error {
	id := r.is
	for _, given := range []struct {
		field string
		addr  netip.Addr
	}{{"ip", n.Addr}, {"ip6", n.Addr6}} {
		if given.addr.IsValid() && !id.has(given.addr) {
			return otherThan(given.field, given.addr.String(), "has an address already")
		}
	}
	for _, given := range []struct {
		field  string
		subnet netip.Prefix
		off    bool
		has    netip.Prefix
	}{{"subnet", n.Subnet, n.NoIPv4, id.addr}, {"subnet6", n.Subnet6, n.NoIPv6, id.addr6}} {
		switch {
		case given.off && given.has.IsValid():
			return otherThan(given.field, "off", "has "+given.has.String())
		case given.subnet.IsValid() && given.subnet != given.has.Masked():
			return otherThan(given.field, given.subnet.String(), "has "+orDash(given.has))
		}
	}
	switch {
	case n.Network != "" && n.Network != id.network:
		return otherThan("network", n.Network, "is of another one")
	case n.Interface != "" && n.Interface != id.iface:
		return otherThan("ifname", n.Interface, "has "+id.iface)
	case n.MTU != 0 && n.MTU != r.MTU:
		return otherThan("mtu", strconv.Itoa(int(n.MTU)), "has "+strconv.Itoa(int(r.MTU)))
	case n.MAC != nil && n.MAC.String() != r.MAC.String():
		return otherThan("mac", n.MAC.String(), "has one already")
	case n.Internal && !r.Internal:
		return otherThan("internal", "true", "has a way out")
	case n.RateIn != 0 && n.RateIn != id.in:
		return otherThan("rate-in", n.RateIn.String(), "has not that limit")
	case n.RateOut != 0 && n.RateOut != id.out:
		return otherThan("rate-out", n.RateOut.String(), "has not that limit")
	case n.Uplinks != nil && strings.Join(n.Uplinks, " ") != strings.Join(pool.Uplinks, " "):
		return otherThan("uplink", strings.Join(n.Uplinks, " "), "was made for other uplinks")
	case r.Internal && len(n.Publish) > 0:
		return &FlagError{"publish", n.Publish[0].String(), "an --internal container has no way out, not for an answer either"}
	}
	n.Network, n.Interface, n.MTU, n.MAC, n.Uplinks = id.network, id.iface, id.mtu, r.MAC, pool.Uplinks
	n.Subnet, n.Subnet6 = id.addr.Masked(), id.addr6.Masked()
	n.NoIPv4, n.NoIPv6 = !id.addr.IsValid(), !id.addr6.IsValid()
	n.RateIn, n.RateOut, n.Internal = id.in, id.out, r.Internal
	n.Isolate, n.NoHost = n.Isolate || id.options&nat.Isolate != 0, n.NoHost || id.options&nat.NoHost != 0
	if n.Hostname == "" {
		n.Hostname = n.Name
	}
	return checkPublish(*n)
}

// text is the message in which a ready goes through a queue.
func (r *readyNet) text() string {
	words := []string{strconv.FormatUint(uint64(r.HostIndex), 10), r.HostLink, strconv.FormatUint(uint64(r.MTU), 10), r.MAC.String()}
	return strings.Join(append(words, r.is.words()...), " ")
}

// parseReady reads such a message; the namespace comes beside it.
func parseReady(text string) (*readyNet, error) {
	words := strings.Fields(text)
	wrong := fmt.Errorf("the pool holds something else than a network: %q", text)
	if len(words) < 5 {
		return nil, wrong
	}
	index, err := strconv.ParseUint(words[0], 10, 32)
	mtu, err2 := strconv.ParseUint(words[2], 10, 32)
	mac, err3 := net.ParseMAC(words[3])
	id, ok := parseIdentity(words[4:])
	if !ok || errors.Join(err, err2, err3) != nil {
		return nil, wrong
	}
	r := &readyNet{Attachment: Attachment{
		Name: id.name, HostLink: words[1], HostIndex: uint32(index), Interface: id.iface, Network: id.network, MTU: uint32(mtu), MAC: mac,
		Internal: id.options&nat.Internal != 0, Addr: id.addr, Addr6: id.addr6, is: &id,
	}}
	comment := nat.Comment{Name: id.name, IfIndex: r.HostIndex, Taken: id.taken}
	for _, p := range []struct {
		addr    netip.Prefix
		gateway *netip.Addr
	}{{id.addr, &r.Gateway}, {id.addr6, &r.Gateway6}} {
		if p.addr.IsValid() {
			*p.gateway = gatewayOf(p.addr.Masked())
			r.leases = append(r.leases, nat.Lease{Addr: p.addr.Addr(), Link: r.HostLink, Comment: comment})
		}
	}
	return r, nil
}
