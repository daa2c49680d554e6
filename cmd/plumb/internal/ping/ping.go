// Package ping asks a host for echoes, as ping(8) of iputils does and with its output, for hosts and
// containers that have no ping. It needs no privilege where net.ipv4.ping_group_range allows.
package ping

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"plumb/cmd/plumb/internal/lookup"
)

// Options say what to send. Defaults has the usual values.
type Options struct {
	Host     string           // a name or an address
	Resolver *lookup.Resolver // for a name; nil for the system's

	Count    int           // how many requests, 0 for no end
	Interval time.Duration // between two requests, MinInterval at least
	Wait     time.Duration // after the last request, if no reply ever came; 0 for ever
	Deadline time.Duration // for the whole run, or 0; then Count counts replies and errors
	Size     int           // bytes of payload
	TTL      int           // hops, 1 to 255, or 0 for the kernel's default

	IPv4, IPv6 bool   // that family only; neither means both
	Quiet      bool   // the first line and the summary only
	Interface  string // the name of a link to send by, or an address of this host to send from

	Report   <-chan os.Signal // each signal has a line about the state of things written
	ReportTo io.Writer        // to this writer
}

// MinInterval is the shortest interval that Run accepts: what iputils allows to a user.
const MinInterval = 2 * time.Millisecond

// Defaults are the options of ping HOST.
func Defaults(host string) Options {
	return Options{Host: host, Interval: time.Second, Wait: 10 * time.Second, Size: 56}
}

// Validate tells what is wrong with the options.
func (o *Options) Validate() error {
	const largest = 65507 // an IPv4 packet less its own header and ICMP's
	switch {
	case o.Interval < MinInterval:
		return fmt.Errorf("an interval of %v is shorter than the %v that spare a network", o.Interval, MinInterval)
	case o.Size < 0 || o.Size > largest:
		return fmt.Errorf("a payload of %d bytes is outside 0 to %d", o.Size, largest)
	case o.TTL < 0 || o.TTL > 255:
		return fmt.Errorf("a time to live of %d is outside 1 to 255", o.TTL)
	case o.Count < 0 || o.Wait < 0 || o.Deadline < 0:
		return errors.New("a count or a time is negative")
	case o.IPv4 && o.IPv6:
		return errors.New("IPv4 only and IPv6 only exclude each other")
	}
	return nil
}

// Run pings until the count or the deadline is reached or ctx ends, which is no error, and writes to w
// what ping(8) prints. An error means that nothing could be asked: an option, the name, the route or the
// socket; replies that do not come are in Stats. The sockets are opened on the caller's thread, in its
// network namespace, except those of a name's lookup.
func Run(ctx context.Context, o Options, w io.Writer) (Stats, error) {
	if err := o.Validate(); err != nil {
		return Stats{}, err
	}
	to, err := o.resolve(ctx)
	if err != nil {
		return Stats{}, err
	}
	s, err := openSocket(to.Is6(), o.Size)
	if err != nil {
		return Stats{}, err
	}
	defer s.close()
	source, err := s.aim(to, o.Interface)
	if err != nil {
		return Stats{}, err
	}
	if o.TTL > 0 {
		if err := s.setTTL(o.TTL); err != nil {
			return Stats{}, err
		}
	}
	b, err := newBell(ctx, o.Report)
	if err != nil {
		return Stats{}, err
	}
	defer b.close()

	p := &pinger{o: o, w: w, s: s, bell: b, to: to.WithZone(""), flights: make(map[uint16]*flight)}
	p.printTitle(to, source)
	err = p.loop(ctx)
	p.stats.print(w, o.Host)
	return p.stats, err
}

// resolve finds the address to ping: the first that the resolver would try.
func (o *Options) resolve(ctx context.Context) (netip.Addr, error) {
	v4, v6 := !o.IPv6, !o.IPv4
	if from, err := netip.ParseAddr(o.Interface); err == nil {
		v4, v6 = v4 && from.Unmap().Is4(), v6 && from.Unmap().Is6()
	}
	r := o.Resolver
	if r == nil {
		var err error
		if r, err = lookup.System(); err != nil {
			return netip.Addr{}, err
		}
	}
	var addrs []netip.Addr
	var err error
	switch {
	case v4 && v6:
		addrs, err = r.LookupAddrs(ctx, o.Host)
	case v4:
		addrs, err = r.LookupAddrs(ctx, o.Host, lookup.TypeA)
	case v6:
		addrs, err = r.LookupAddrs(ctx, o.Host, lookup.TypeAAAA)
	default:
		return netip.Addr{}, fmt.Errorf("%s is an address of the other family", o.Interface)
	}
	if err != nil {
		return netip.Addr{}, err
	}
	return addrs[0], nil
}

func (p *pinger) printTitle(to, source netip.Addr) {
	fmt.Fprintf(p.w, "PING %s (%s) ", p.o.Host, to)
	if p.o.Interface != "" {
		fmt.Fprintf(p.w, "from %s %s: ", source.WithZone(""), linkName(p.o.Interface))
	}
	if to.Is6() {
		fmt.Fprintf(p.w, "%d data bytes\n", p.o.Size)
		return
	}
	fmt.Fprintf(p.w, "%d(%d) bytes of data.\n", p.o.Size, p.o.Size+headerLen+20)
}

// linkName is name, unless that is an address.
func linkName(name string) string {
	if _, err := netip.ParseAddr(name); err == nil {
		return ""
	}
	return name
}
