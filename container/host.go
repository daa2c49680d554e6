package container

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"plumb/container/netns"
	"plumb/container/plan"
	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// A Host is the network namespace that containers are attached to, with its sockets open. It may be used by several
// goroutines, and any number of processes may work on one namespace at once.
type Host struct {
	ns      *netns.NS
	own     bool // ns is ours to close
	rtnl    *rtnl.Conn
	nat     *nat.Conn
	tracer  wire.Tracer
	notice  func(string)
	proc    ownProc
	buffers wire.Buffers // of the sockets in containers

	ipv6      atomic.Bool            // the kernel is known to have it
	lastOut   atomic.Pointer[uplink] // what led out when an attach asked last
	untracked sync.Once              // the notice that connections cannot be flushed was given

	transport func(family int) wire.Transport // of tests, and of a plan; nil, or its nil, is a netlink socket
	plans     bool                            // nothing is to be changed
	ending    bool                            // the program ends when it has closed the host
	laterLock sync.Mutex
	later     []*nat.Conn                   // sockets that Close closes, where it is ending
	chance    func() uint32                 // of tests; nil is a random number
	clock     func() (time.Duration, error) // of tests; nil is bootTime
}

// HostOptions say how OpenHost opens a host. The zero value is usual.
type HostOptions struct {
	NS     *netns.NS    // nil: the calling thread's
	Tracer wire.Tracer  // nil for none
	Notice func(string) // told, in one line, what a user should know and what is no failure; nil for nobody

	// Plan leaves everything as it is: the kernel is asked, and what would be done is told to the Tracer alone. See package plan.
	Plan bool

	// Ending is for a program that is to end when it has closed the host: what the kernel takes its time for, when it is told that something is to
	// go, is left to the kernel. The last of it is done some 20 ms after the program has ended.
	// The calling thread is taken into other namespaces for a moment, instead of one of its own: see netns.NS.DoHere.
	Ending bool
}

// OpenHost opens the sockets of a host.
func OpenHost(o HostOptions) (*Host, error) {
	return (&Host{}).open(o)
}

func (h *Host) open(o HostOptions) (*Host, error) {
	h.ns, h.tracer, h.notice, h.plans, h.ending = o.NS, o.Tracer, o.Notice, o.Plan, o.Ending
	if h.plans {
		h.transport = plan.New().Transport
	}
	if h.notice == nil {
		h.notice = func(string) {}
	}
	if h.ns == nil {
		ns, err := netns.Current()
		if err != nil {
			return nil, fmt.Errorf("open the host's network namespace: %w", err)
		}
		h.ns, h.own = ns, true
		s := h.story()
		start := s.now()
		err = h.dial() // without a setns, which would need CAP_SYS_ADMIN
		s.did(hostName, start, err, socketsOfHost)
		if err != nil {
			return nil, errors.Join(err, h.Close())
		}
		return h, nil
	}
	s := h.story()
	start := s.now()
	err := h.ns.Do(h.dial)
	s.did(hostName, start, err, "setns ", hostName, ": ", socketsOfHost)
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

const socketsOfHost = "socket(AF_NETLINK): NETLINK_ROUTE, NETLINK_NETFILTER"

// dial opens the sockets, on a thread that is in the namespace.
func (h *Host) dial() (err error) {
	routes, rules := h.config(hostName, unix.NETLINK_ROUTE), h.config(hostName, unix.NETLINK_NETFILTER)
	routes.Brief, rules.Brief = true, true // nobody listens on them
	if h.rtnl, err = rtnl.Dial(routes); err != nil {
		return err
	}
	h.nat, err = nat.Dial(rules)
	return err
}

// asksBeside says whether questions may be asked beside the making of a pair: with a tracer, things are told one after the other.
func (h *Host) asksBeside() bool { return h.tracer == nil && !h.plans }

// config is how a socket is dialled. The calling thread is in the namespace that it is for.
func (h *Host) config(namespace string, family int) wire.Config {
	c := wire.Config{Namespace: namespace, Tracer: h.tracer}
	if h.transport != nil {
		c.Transport = h.transport(family)
	}
	return c
}

// needAdmin says what to do about EPERM.
func needAdmin(err error) error {
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w: %s", err, needNetAdmin)
	}
	return err
}

const needNetAdmin = "CAP_NET_ADMIN is needed in the user namespace that owns the host's network namespace: run plumb as root, or as a normal user below unshare -Urn"

// closeLater takes a socket whose close would be waited for, if the program is about to end.
func (h *Host) closeLater(c *nat.Conn) bool {
	h.laterLock.Lock()
	defer h.laterLock.Unlock()
	if h.ending {
		h.later = append(h.later, c)
	}
	return h.ending
}

// Close closes the sockets, when nothing else uses the host any more. What is attached stays attached.
func (h *Host) Close() error {
	errs := []error{h.proc.close()}
	if h.nat != nil && (!h.nat.Removed() || !h.closeLater(h.nat)) {
		errs = append(errs, h.nat.Close())
	}
	errs = append(errs, nat.CloseLater(h.later...))
	if h.rtnl != nil {
		errs = append(errs, h.rtnl.Close())
	}
	if h.own {
		errs = append(errs, h.ns.Close())
	}
	return errors.Join(errs...)
}
