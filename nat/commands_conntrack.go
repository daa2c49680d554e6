package nat

import (
	"net/netip"
	"strconv"

	"github.com/mdlayher/netlink"

	"plumb/rtnl/shell"
)

// tracking is the command of conntrack(8) for a message of ctnetlink that was sent. It finds what it removes by the same parts; that an entry is still
// the one with this id it cannot say.
func (w *commander) tracking(typ uint16) string {
	switch typ {
	case getTrackingStats.Type:
		return "conntrack -C"
	case getConnection.Type:
		if c := decoded(&connectionTable, w.body); c != nil && w.has(netlink.Dump) && c.Orig == nil && c.Filter == nil {
			return shell.Words(append([]string{"conntrack", "-L"}, c.family()...)...)
		}
	case delConnection.Type:
		if c := decoded(&connectionTable, w.body); c != nil {
			return c.forget()
		}
	}
	return ""
}

// family is the option for IPv6: conntrack takes IPv4 for granted.
func (c *Connection) family() []string {
	if c.Family == NFPROTO_IPV6 {
		return []string{"-f", "ipv6"}
	}
	return nil
}

func (c *Connection) forget() string {
	words := append([]string{"conntrack", "-D"}, c.family()...)
	if c.Orig == nil && c.Reply == nil {
		if c.Filter != nil {
			return ""
		}
		return shell.Words(append([]string{"conntrack", "-F"}, c.family()...)...)
	}
	if c.Orig != nil && c.Orig.Proto != nil {
		words = append(words, "-p", protocolName(c.Orig.Proto.Number))
	}
	for _, tuple := range []struct {
		tuple    *Tuple
		src, dst string
	}{{c.Orig, "-s", "-d"}, {c.Reply, "-r", "-q"}} {
		if tuple.tuple != nil {
			words = append(words, tuple.tuple.addrs(tuple.src, tuple.dst)...)
		}
	}
	if c.Orig != nil && c.Orig.Proto != nil {
		words = append(words, number("--sport", c.Orig.Proto.SrcPort)...)
		words = append(words, number("--dport", c.Orig.Proto.DstPort)...)
	}
	if c.Zone != 0 {
		words = append(words, "-w", strconv.Itoa(int(c.Zone)))
	}
	return shell.Words(words...)
}

// addrs are the options for a tuple's addresses.
func (t *Tuple) addrs(src, dst string) (words []string) {
	if t.IP == nil {
		return nil
	}
	for _, a := range []struct {
		option string
		addr   netip.Addr
	}{{src, t.IP.Src}, {dst, t.IP.Dst}} {
		if a.addr.IsValid() {
			words = append(words, a.option, a.addr.String())
		}
	}
	return words
}

// number is an option with a number, unless there is none.
func number(option string, n *uint16) []string {
	if n == nil {
		return nil
	}
	return []string{option, strconv.Itoa(int(*n))}
}
