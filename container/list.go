package container

import (
	"errors"
	"fmt"
	"net/netip"
	"sort"
	"time"

	"plumb/rtnl"

	"golang.org/x/sys/unix"
)

// A Container is what the kernel knows of one: its host end says who it is.
type Container struct {
	Name      string
	Hostname  string
	HostLink  string
	HostIndex uint32
	Interface string // the container's link
	Network   string // name of the network, or ""
	MTU       uint32 // bytes

	Addr, Addr6       netip.Prefix // not valid where it has none of the family
	Gateway, Gateway6 netip.Addr

	Internal, Isolate, NoHost bool
	Publish                   []Publish
	RateIn, RateOut           Rate // 0: none

	NetNS uint64 // inode of its network namespace; 0 where SetupVeth made it
	Pool  int    // process that holds it ready, in a pool; 0: it is a container's
	Age   time.Duration
	State State

	// What it has received and sent, since it was attached.
	RxBytes, TxBytes, RxPackets, TxPackets uint64
}

// A State says how a container is.
type State string

// The states of a container.
const (
	Up     State = "up"
	Ending State = "ending" // its namespace is gone, and the kernel is about to remove the links
	Ready  State = "ready"  // it waits in a pool for a container
	Bare   State = "bare"   // the table holds nothing of it: somebody has flushed the ruleset; Repair puts it back
)

// Containers lists the containers of the host, by name.
func (h *Host) Containers() ([]Container, error) {
	links, err := h.hostEnds()
	if err != nil {
		return nil, err
	}
	holdings, err := h.nat.Holdings()
	if err != nil {
		return nil, needAdmin(fmt.Errorf("list what the containers hold: %w", err))
	}
	held := map[uint32]bool{}
	for i := range holdings {
		held[holdings[i].Comment.IfIndex] = true
	}
	now, err := bootTime()
	if err != nil {
		return nil, err
	}
	var all []Container
	for i := range links {
		if id, ok := identityOf(&links[i]); ok {
			c := containerOf(&links[i], &id)
			c.Age = max(0, now-max(id.taken, id.since))
			if (c.State == Up || c.State == Ready) && !held[c.HostIndex] {
				c.State = Bare
			}
			all = append(all, c)
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Name < all[j].Name }) // slices.SortFunc would weigh 15 KB
	return all, nil
}

// Container returns one by its name. The error is unix.ENOENT where there is none.
func (h *Host) Container(name string) (*Container, error) {
	all, err := h.Containers()
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Name == name {
			return &all[i], nil
		}
	}
	return nil, explained(unix.ENOENT, "nothing named %s is attached: plumb ls lists what is", name)
}

// containerOf is what a host end says. What it sends is what the container receives.
func containerOf(l *rtnl.Link, id *identity) Container {
	c := Container{
		Name: id.name, Hostname: id.host, HostLink: l.Name, HostIndex: l.Index, Interface: id.iface, Network: id.network, MTU: l.MTU,
		Addr: id.addr, Addr6: id.addr6, Publish: id.publish, RateIn: id.in, RateOut: id.out, NetNS: id.netns, State: Up, Pool: id.pool,
	}
	if id.pool != 0 {
		c.State = Ready
	}
	c.Internal, c.Isolate, c.NoHost = optionsOf(id.options)
	if c.Addr.IsValid() {
		c.Gateway = gatewayOf(c.Addr.Masked())
	}
	if c.Addr6.IsValid() {
		c.Gateway6 = gatewayOf(c.Addr6.Masked())
	}
	if dying(l) {
		c.State = Ending
	}
	if s := l.Stats; s != nil {
		c.RxBytes, c.TxBytes, c.RxPackets, c.TxPackets = s.TxBytes, s.RxBytes, s.TxPackets, s.RxPackets
	}
	return c
}

// Swept is what GC has done.
type Swept struct {
	Leases   []string // addresses given back, with their holders' names
	Links    []string // links removed, that a killed process left
	Repaired []string // containers that something was missing of in the table
}

// GC removes what killed processes have left: leases without a link, and links that nobody has finished. With repair it also puts back
// what the table should hold of those that stand.
func (h *Host) GC(repair bool) (done Swept, err error) {
	tell := h.story()
	defer func() { tell.end(err) }()
	var errs []error
	if repair {
		tell.next("repair the table", "each link says what the table should hold of its container: what somebody has flushed is put back")
		done.Repaired, err = h.Repair()
		if errors.Is(err, unix.EPERM) {
			return done, needAdmin(err)
		}
		errs = append(errs, err)
	}
	tell.next("look for stale leases", "a lease is stale where no link of its index says that it is the same container's")
	leases, err := h.nat.Leases()
	if err != nil {
		return done, errors.Join(append(errs, needAdmin(fmt.Errorf("read the leases: %w", err)))...)
	}
	for i := range leases {
		l := &leases[i]
		_, state, err := h.holder(l)
		if err == nil && state != held {
			var free bool
			if free, err = h.reclaim(l, true); free {
				done.Leases = append(done.Leases, l.Addr.String()+" "+l.Comment.Name)
			}
		}
		errs = append(errs, err)
	}
	swept, err := h.sweepPool()
	if swept > 0 {
		done.Links = append(done.Links, fmt.Sprintf("%d of the pool", swept))
	}
	errs = append(errs, err)
	links, err := h.sweepLinks(&tell)
	done.Links = append(done.Links, links...)
	tell.end(nil)
	return done, errors.Join(append(errs, err, h.leave())...)
}
