package names

import (
	"math/rand/v2"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// A Host is a container of the network.
type Host struct {
	Names []string     // what it is called, without a final dot: its name first, which its addresses have as their PTR record
	Addrs []netip.Addr // of either family
}

// A Zone is what there is to know of a network's containers at one moment. It does not change; the nil Zone is empty.
type Zone struct {
	addrs map[string][]netip.Addr // by name, in lower case and with a final dot
	names map[netip.Addr]dnsmessage.Name
}

// NewZone makes a zone of the hosts. A name with a domain, web.example, is also known by its first label. Several hosts may have one
// name, which then has the addresses of all. What cannot be a name of the DNS (RFC 1035, section 2.3.4) is left out.
func NewZone(hosts []Host) *Zone {
	z := &Zone{addrs: make(map[string][]netip.Addr, 2*len(hosts)), names: make(map[netip.Addr]dnsmessage.Name, 2*len(hosts))}
	for _, h := range hosts {
		seen := make(map[string]bool, 2*len(h.Names))
		for _, name := range h.Names {
			label, _, _ := strings.Cut(name, ".")
			for _, n := range []string{name, label} {
				if key := lower(n) + "."; valid(n) && !seen[key] {
					seen[key] = true
					z.addrs[key] = append(z.addrs[key], h.Addrs...)
				}
			}
		}
		if len(h.Names) == 0 || !valid(h.Names[0]) {
			continue
		}
		name := dnsmessage.MustNewName(h.Names[0] + ".")
		for _, a := range h.Addrs {
			z.names[a] = name
		}
	}
	return z
}

// valid reports whether name can be packed as labels of 1 to 63 bytes, 253 together with their dots.
func valid(name string) bool {
	if len(name) == 0 || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) == 0 || len(label) > 63 {
			return false
		}
	}
	return true
}

// lower is name in lower case, of ASCII alone: RFC 4343.
func lower(name string) string {
	b := []byte(name)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// ttl is how long a client may keep an answer of the zone, in seconds. The next container of a name has another address, and a
// question costs no more than a few microseconds here.
const ttl = 0

// lookup finds the records that answer q. ours is false where somebody else may know. A name that is ours has no
// other records, and there is no SOA record by which a client could remember that (RFC 2308, section 5).
func (z *Zone) lookup(q dnsmessage.Question) (records []dnsmessage.Resource, ours bool) {
	if z == nil {
		return nil, false
	}
	add := func(t dnsmessage.Type, body dnsmessage.ResourceBody) {
		if q.Type == t || q.Type == dnsmessage.TypeALL {
			h := dnsmessage.ResourceHeader{Name: q.Name, Type: t, Class: dnsmessage.ClassINET, TTL: ttl}
			records = append(records, dnsmessage.Resource{Header: h, Body: body})
		}
	}
	key := lower(q.Name.String())
	if addrs, found := z.addrs[key]; found {
		// Any of them may be first: many clients take that one.
		first := rand.IntN(len(addrs) + 1)
		for i := range addrs {
			if a := addrs[(first+i)%len(addrs)]; a.Is4() {
				add(dnsmessage.TypeA, &dnsmessage.AResource{A: a.As4()})
			} else {
				add(dnsmessage.TypeAAAA, &dnsmessage.AAAAResource{AAAA: a.As16()})
			}
		}
		return records, true
	}
	addr, ok := reverseAddr(key)
	if !ok {
		return nil, false
	}
	name, found := z.names[addr]
	if found {
		add(dnsmessage.TypePTR, &dnsmessage.PTRResource{PTR: name})
	}
	return records, found
}

// reverseAddr is the address that a name of in-addr.arpa or ip6.arpa stands for, in lower case and with a final dot:
// RFC 1035, section 3.5, and RFC 3596, section 2.5.
func reverseAddr(name string) (netip.Addr, bool) {
	if four, found := strings.CutSuffix(name, ".in-addr.arpa."); found {
		labels := strings.Split(four, ".")
		if len(labels) != 4 {
			return netip.Addr{}, false
		}
		a, err := netip.ParseAddr(labels[3] + "." + labels[2] + "." + labels[1] + "." + labels[0])
		return a, err == nil
	}
	six, found := strings.CutSuffix(name, ".ip6.arpa.")
	if !found || len(six) != 63 { // 32 digits and their dots
		return netip.Addr{}, false
	}
	var b [16]byte
	for i := range 32 {
		digit := strings.IndexByte("0123456789abcdef", six[2*i])
		if digit < 0 || i < 31 && six[2*i+1] != '.' {
			return netip.Addr{}, false
		}
		b[15-i/2] |= byte(digit) << (i % 2 * 4)
	}
	return netip.AddrFrom16(b), true
}
