package lookup

import (
	"context"
	"io"
	"net/netip"
	"slices"

	"golang.org/x/net/dns/dnsmessage"
)

// LookupAddrs returns the addresses of a name, in the order in which to try them (see Sort). types are
// TypeA, TypeAAAA or both; none means both. An address is its own answer. The search domains apply.
// The error is an *Error.
func (r *Resolver) LookupAddrs(ctx context.Context, name string, types ...dnsmessage.Type) ([]netip.Addr, error) {
	if len(types) == 0 {
		types = []dnsmessage.Type{TypeA, TypeAAAA}
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		addr = addr.Unmap()
		if addr.Is4() && !slices.Contains(types, TypeA) || addr.Is6() && !slices.Contains(types, TypeAAAA) {
			return nil, &Error{name, errFamily}
		}
		return []netip.Addr{addr}, nil
	}
	answers, err := r.Lookup(ctx, name, types, true)
	var addrs []netip.Addr
	for _, a := range answers {
		for _, rec := range a.Records {
			if rec.Addr.IsValid() && !slices.Contains(addrs, rec.Addr) {
				addrs = append(addrs, rec.Addr)
			}
		}
	}
	if len(addrs) == 0 {
		return nil, err
	}
	Sort(addrs)
	return addrs, nil
}

// LookupNames returns the names of an address: from the hosts file, else from the DNS.
// The error is an *Error.
func (r *Resolver) LookupNames(ctx context.Context, addr netip.Addr) (Answer, error) {
	owner := ReverseName(addr)
	names, err := readHosts(r.Hosts, func(f io.Reader) ([]string, error) { return hostNames(f, addr) })
	if err != nil {
		return Answer{}, &Error{addr.String(), err}
	}
	if len(names) > 0 {
		a := Answer{Server: r.Hosts}
		for _, n := range names {
			n = dotted(n)
			a.Records = append(a.Records, Record{Name: owner, Class: "IN", Type: "PTR", Data: escape(n, `"\;()@$`, '!'), Target: n})
		}
		return a, nil
	}
	found, err := r.Lookup(ctx, owner, []dnsmessage.Type{TypePTR}, false)
	if err != nil {
		return Answer{}, &Error{addr.String(), unwrapName(err)}
	}
	return found[0], nil
}
