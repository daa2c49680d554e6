package lookup

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// checkName tells why name cannot be asked for: RFC 1035, section 2.3.4.
func checkName(name string) error {
	if name == "." {
		return nil // the root
	}
	name = strings.TrimSuffix(name, ".")
	if name == "" {
		return errors.New("the name is empty")
	}
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c >= 0x80:
			return errors.New("a name outside ASCII: give its xn-- form (RFC 5890)")
		case c <= ' ' || c == 0x7f:
			return fmt.Errorf("a name cannot hold the character %q", c)
		}
	}
	if len(name) > 253 {
		return fmt.Errorf("the name has %d characters, more than 253", len(name))
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" {
			return errors.New("two dots follow each other, or one begins the name")
		}
		if len(label) > 63 {
			return fmt.Errorf("%.16s... has %d characters, more than the 63 of a label", label, len(label))
		}
	}
	return nil
}

// candidates lists what to ask for, in turn and each with a final dot: resolv.conf(5), ndots.
func (r *Resolver) candidates(name string, search bool) []string {
	if strings.HasSuffix(name, ".") {
		return []string{name}
	}
	if !search {
		return []string{name + "."}
	}
	var list []string
	for _, domain := range r.Search {
		if whole := name + "." + domain; checkName(whole) == nil {
			list = append(list, whole+".")
		}
	}
	if strings.Count(name, ".") >= r.Ndots {
		return append([]string{name + "."}, list...)
	}
	return append(list, name+".")
}

// ReverseName is where the DNS keeps the name of an address, with a final dot:
// RFC 1035, section 3.5, and RFC 3596, section 2.5.
func ReverseName(addr netip.Addr) string {
	b := addr.AsSlice()
	var s strings.Builder
	for i := len(b) - 1; i >= 0; i-- {
		if addr.Is4() {
			fmt.Fprintf(&s, "%d.", b[i])
		} else {
			fmt.Fprintf(&s, "%x.%x.", b[i]&0xf, b[i]>>4)
		}
	}
	if addr.Is4() {
		return s.String() + "in-addr.arpa."
	}
	return s.String() + "ip6.arpa."
}

// ParseServer reads IP, IP:PORT or [IP]:PORT; a link-local address carries its zone, fe80::1%eth0.
func ParseServer(s string) (netip.AddrPort, error) {
	if server, err := netip.ParseAddrPort(s); err == nil && server.Port() != 0 {
		return server, nil
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is not an address of a server: want IP, IP:PORT or [IP]:PORT", s)
	}
	return netip.AddrPortFrom(addr, dnsPort), nil
}
