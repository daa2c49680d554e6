package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/wire"
)

// A Host is a namespace of the lab that has an uplink to the internet, and a loopback link that is up.
type Host struct {
	lab          *Lab
	name         string
	ns           *netns.NS
	rtnl         *rtnl.Conn
	addr4, addr6 netip.Addr
}

// HostOptions say what is special about a host. The zero value is an ordinary one, with IPv4 and IPv6.
type HostOptions struct {
	MTU      uint32 // of the uplink, in bytes; 0 for the kernel's, 1500
	IPv4Only bool   // no IPv6 address at either end of the uplink, not even fe80
	NoUplink bool   // nothing but the loopback link: what a container's namespace is before plumb comes
}

// UplinkName is what a host's link to the internet is called.
const UplinkName = "uplink0"

// maxHosts is how many addresses 203.0.113.0/24 has for hosts: not .0, .255 and the internet's .1.
const maxHosts = 253

// AddHost adds a host. The name is for people and traces: 1 to 12 bytes (the internet's end of the uplink is called to-NAME),
// and no other host's. The error is the kernel's refusal; nothing of the host is left then.
func (l *Lab) AddHost(ctx context.Context, name string, options HostOptions) (*Host, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h, err := l.addHost(ctx, name, options)
	if err != nil {
		return nil, fmt.Errorf("add host %s to the lab: %w", name, err)
	}
	l.hosts = append(l.hosts, h)
	return h, nil
}

func (l *Lab) addHost(ctx context.Context, name string, options HostOptions) (*Host, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if l.closed {
		return nil, errClosed
	}
	if err := l.checkName(name); err != nil {
		return nil, err
	}
	h, err := l.newHost(name)
	if err != nil {
		return nil, err
	}
	if options.NoUplink {
		err = h.rtnl.Do(rtnl.SetUp(loopback, "set lo of "+name+" up"))
	} else {
		err = l.connect(ctx, h, options)
	}
	if err != nil {
		return nil, errors.Join(err, h.close()) // a pair ends with either of its namespaces
	}
	return h, nil
}

var (
	errClosed = errors.New("the lab is closed")
	errName   = errors.New("a host's name has 1 to 12 bytes, of letters, digits and hyphens, and is not another's")
)

func (l *Lab) checkName(name string) error {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
	if name == "" || len(name) > 12 || strings.Trim(name, letters) != "" || name == l.internet.name {
		return errName
	}
	for _, h := range l.hosts {
		if h.name == name {
			return errName
		}
	}
	return nil
}

// Name is what AddHost called it.
func (h *Host) Name() string { return h.name }

// NS is the host's namespace, which ends with the lab.
func (h *Host) NS() *netns.NS { return h.ns }

// Addr4 is the IPv4 address of the uplink, 203.0.113.x, or invalid where there is none.
func (h *Host) Addr4() netip.Addr { return h.addr4 }

// Addr6 is the IPv6 address of the uplink, 2001:db8::x, or invalid where there is none.
func (h *Host) Addr6() netip.Addr { return h.addr6 }

// Rtnl is an rtnetlink socket in the namespace. It is the lab's: Close ends it.
func (h *Host) Rtnl() *rtnl.Conn { return h.rtnl }

// Do runs fn inside the namespace; see netns.NS.Do for what fn must not do.
func (h *Host) Do(fn func() error) error { return h.ns.Do(fn) }

// Config is how a netlink socket of the host's is dialled, so that the lab's tracer sees it: h.Do with rtnl.Dial(h.Config()).
// Open does that.
func (h *Host) Config() wire.Config {
	return wire.Config{Namespace: h.name, Tracer: h.lab.options.Tracer}
}

// Open dials a netlink socket in the host's namespace, by rtnl.Dial, nat.Dial or their like. It is the caller's to close.
func Open[C io.Closer](h *Host, dial func(wire.Config) (C, error)) (C, error) {
	return netns.Open(h.ns, func() (C, error) { return dial(h.Config()) })
}

func (h *Host) close() error {
	var err error
	if h.rtnl != nil {
		err = h.rtnl.Close()
	}
	return errors.Join(err, h.ns.Close())
}
