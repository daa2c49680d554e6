package container

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"plumb/container/names"
	"plumb/container/netns"
	"plumb/container/relay"
	"plumb/nat"

	"golang.org/x/sys/unix"
)

// Services are what a living process does for a container beside what the kernel does by itself: it watches over the container's part of the
// ruleset and its links, answers names in its namespace, and relays its published ports from ::1, which cannot be translated.
type Services struct {
	host     *Host
	a        *Attachment
	target   *netns.NS
	watch    *watch
	redirect *nat.Redirect
	resolver resolver
	passing  bool
	stop     context.CancelFunc
	wg       sync.WaitGroup
}

// ServiceOptions say what Serve does.
type ServiceOptions struct {
	Network Network   // that the container was attached with
	DNS     DNSConfig // Servers are asked instead of the host's
	Passing bool      // whoever is in the container's namespace has ended before Close
}

// Serve begins all of it, and returns when it works. It goes on until Close. Without names, where the container's namespace has no nftables for
// instance, the rest goes on, and a note says so.
func (h *Host) Serve(ctx context.Context, a *Attachment, target *netns.NS, o ServiceOptions) (*Services, error) {
	s := &Services{host: h, a: a, target: target, passing: o.Passing}
	ctx, s.stop = context.WithCancel(ctx)
	openNames := s.openNames
	if h.tracer == nil { // to whom one thing would be told after the other
		opened := make(chan nameSockets, 1)
		go func() { opened <- s.openNames() }()
		openNames = func() nameSockets { return <-opened }
	}
	var err error
	if s.watch, err = h.startWatch(ctx, &o.Network, a, target); err != nil {
		s.stop()
		return nil, errors.Join(err, openNames().close())
	}
	if err := s.serveNames(ctx, o, openNames()); err != nil {
		h.notice(fmt.Sprintf("other containers are not found by name from %s: %v", a.Name, err))
	}
	if err := s.relayAll(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Gone is closed when the container's links have gone: somebody has detached it. Its namespace does not end before Close, for the name server is in it.
func (s *Services) Gone() <-chan struct{} { return s.watch.gone }

// Close ends it.
func (s *Services) Close() error {
	s.stop()
	errs := []error{s.watch.close()}
	if s.redirect != nil {
		errs = append(errs, s.endRedirect())
	}
	s.wg.Wait()
	return errors.Join(errs...)
}

// endRedirect removes the rules that lead to the name server. Where nobody is left to be answered, this is waited for by nobody.
func (s *Services) endRedirect() error {
	c, err := s.redirect.End()
	if s.passing && s.host.closeLater(c) {
		return err
	}
	return errors.Join(err, c.Close())
}

// answersNames says whether names are answered on names.Addr.
func (s *Services) answersNames() bool { return s.redirect != nil }

// nameSockets are what names are answered by: sockets on a port of the container's own loopback, and what has port 53 there lead to it.
type nameSockets struct {
	sockets  *names.Sockets
	redirect *nat.Redirect
	err      error
}

func (s *Services) openNames() (n nameSockets) {
	tell := s.host.story()
	n.sockets, n.err = openThere(&tell, s.target, s.a.Name, "socket(AF_INET): UDP and TCP, to answer names on "+names.Addr.String(), names.Listen)
	if n.err != nil {
		return n
	}
	config := s.host.config
	n.redirect, n.err = openThere(&tell, s.target, s.a.Name, "redirect port 53 of "+names.Addr.String(), func() (*nat.Redirect, error) {
		return nat.DialRedirect(config(s.a.Name, unix.NETLINK_NETFILTER), n.sockets.AddrPort())
	})
	if n.err != nil {
		n.err = errors.Join(n.err, n.sockets.Close())
	}
	return n
}

// close closes what is open. What was not opened is no error here.
func (n nameSockets) close() error {
	if n.err != nil {
		return nil
	}
	return errors.Join(n.redirect.Close(), n.sockets.Close())
}

// serveNames answers names by them.
func (s *Services) serveNames(ctx context.Context, o ServiceOptions, n nameSockets) error {
	if n.err != nil {
		return n.err
	}
	s.redirect = n.redirect
	s.resolver = resolver{given: o.DNS.Servers, none: o.Network.Internal}
	server := &names.Server{Zone: s.watch.zone.get, Upstreams: s.resolver.upstreams, Dial: s.dialHost}
	s.wg.Go(func() {
		if err := server.Serve(ctx, n.sockets); err != nil {
			s.host.notice(fmt.Sprintf("names are not answered any more in %s: %v", s.a.Name, err))
		}
	})
	return nil
}

// dialHost connects from the host's namespace, where its own resolver is reached on 127.0.0.53.
func (s *Services) dialHost(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	return s.host.ns.DialContext(ctx, network, to)
}

// relayAll listens on ::1 for each published port that the host is to reach there.
func (s *Services) relayAll(ctx context.Context) error {
	to := s.a.Addr6
	if !to.IsValid() {
		to = s.a.Addr
	}
	for i := range s.a.Publish {
		p := &s.a.Publish[i]
		if !loopback(p, true) {
			continue
		}
		network := nat.ProtoName(p.Proto)
		if network == "sctp" || p.Count > maxRelayed {
			s.host.notice(fmt.Sprintf("%s is not relayed from ::1: that is for tcp and udp, and for ranges of up to %d ports", p, maxRelayed))
			continue
		}
		for n := range p.Count {
			if err := s.relay(ctx, network, p.HostPort+n, netip.AddrPortFrom(to.Addr(), p.Port+n)); err != nil {
				return fmt.Errorf("publish %s on ::1: %w", p, err)
			}
		}
	}
	return nil
}

// maxRelayed is how many ports of a range are relayed: each has a socket.
const maxRelayed = 256

func (s *Services) relay(ctx context.Context, network string, port uint16, to netip.AddrPort) error {
	at := netip.AddrPortFrom(netip.IPv6Loopback(), port)
	tell := s.host.story()
	socket, err := openThere(&tell, s.host.ns, hostName, "socket: relay "+network+" from "+at.String(), func() (*relay.Socket, error) { return relay.Listen(network, at) })
	if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL) {
		return nil // a host without IPv6, or whose lo is down, has no ::1
	}
	if err != nil {
		return err
	}
	r := &relay.Relay{To: to, Dial: s.dialHost}
	s.wg.Go(func() {
		if err := r.Serve(ctx, socket); err != nil {
			s.host.notice(fmt.Sprintf("port %d is not relayed from ::1 any more: %v", port, err))
		}
	})
	return nil
}
