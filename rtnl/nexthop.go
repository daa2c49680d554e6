package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// RTA_MULTIPATH holds the ways of a route that has several, each this struct and attributes RTA_* after it
// (linux/rtnetlink.h):
//
//	struct rtnexthop {
//		unsigned short rtnh_len;     // with the attributes
//		unsigned char  rtnh_flags;   // RTNH_F_*
//		unsigned char  rtnh_hops;    // weight, less 1
//		int            rtnh_ifindex;
//	};

// A NextHop is one way of a route.
type NextHop struct {
	Flags   uint8
	Hops    uint8 // the weight, less 1
	Out     uint32
	Gateway netip.Addr
	Rest    []wire.Attr

	length uint16 // putNextHops writes it
}

var nextHopTable = wire.Table[*NextHop]{Rows: func(h *NextHop) wire.Rows {
	return wire.Of(h,
		wire.Field("rtnh_len", &h.length),
		wire.Field("rtnh_flags", &h.Flags),
		wire.Field("rtnh_hops", &h.Hops),
		wire.Field("rtnh_ifindex", &h.Out),
		wire.IP(unix.RTA_GATEWAY, "RTA_GATEWAY", &h.Gateway),
		wire.Unknown(&h.Rest, words.Group("rtnexthop")),
	)
}}

const nextHopSize = 8

func putNextHops(hops *[]NextHop) []byte {
	var b []byte
	for i := range *hops {
		hop, err := nextHopTable.Encode(&(*hops)[i])
		if err != nil { // an attribute of more than 64 KiB: too large for RTA_MULTIPATH too, which will say so
			hop = append(hop, make([]byte, 1<<16)...)
		}
		binary.NativeEndian.PutUint16(hop, uint16(len(hop)))
		b = append(b, hop...)
	}
	return b
}

func getNextHops(hops *[]NextHop, a wire.Attr) error {
	for b := a.Data; len(b) > 0; {
		if len(b) < nextHopSize {
			return wire.ErrTruncated
		}
		n := int(binary.NativeEndian.Uint16(b))
		if n < nextHopSize || n > len(b) {
			return wire.ErrTruncated
		}
		var h NextHop
		if err := nextHopTable.Decode(b[:n], &h); err != nil {
			return err
		}
		h.length = 0
		*hops = append(*hops, h)
		b = b[min((n+3)&^3, len(b)):]
	}
	return nil
}

func showNextHops(a wire.Attr) string {
	var hops []NextHop
	if err := getNextHops(&hops, a); err != nil {
		return showBytes(a)
	}
	words := make([]string, len(hops))
	for i := range hops {
		words[i] = "[" + hops[i].String() + "]"
	}
	return strings.Join(words, " ")
}

// String returns the way as ip route add would be told of it.
func (h *NextHop) String() string {
	s := fmt.Sprintf("dev %d weight %d", h.Out, int(h.Hops)+1)
	if h.Gateway.IsValid() {
		s = "via " + h.Gateway.String() + " " + s
	}
	if h.Flags&unix.RTNH_F_ONLINK != 0 {
		s += " onlink"
	}
	if other := h.Flags &^ unix.RTNH_F_ONLINK; other != 0 {
		s += fmt.Sprintf(" flags %#x", other)
	}
	for _, a := range h.Rest {
		s += fmt.Sprintf(" attribute %d %s", a.Type, showBytes(a))
	}
	return s
}

// parseNextHops is the way back from showNextHops: [via 10.0.0.1 dev 2 weight 1] [dev 3 weight 1].
func parseNextHops(value string) ([]byte, error) {
	var hops []NextHop
	for hop := range strings.SplitSeq(value, "]") {
		words := strings.Fields(hop)
		if len(words) == 0 {
			continue
		}
		first, opened := strings.CutPrefix(words[0], "[")
		words[0] = first
		h, err := parseNextHop(words)
		if !opened || err != nil {
			return nil, fmt.Errorf("%q is no next hop: [via ADDRESS dev INDEX weight N] is needed, of which via may be left out", hop)
		}
		hops = append(hops, h)
	}
	return putNextHops(&hops), nil
}

var errNextHop = errors.New("not a next hop")

func parseNextHop(words []string) (h NextHop, err error) {
	for len(words) > 0 && err == nil {
		if words[0] == "onlink" {
			h.Flags |= unix.RTNH_F_ONLINK
			words = words[1:]
			continue
		}
		if len(words) < 2 {
			return h, errNextHop
		}
		var n uint64
		switch words[0] {
		case "flags":
			n, err = strconv.ParseUint(words[1], 0, 8)
			h.Flags |= uint8(n)
		case "via":
			h.Gateway, err = netip.ParseAddr(words[1])
		case "dev":
			n, err = strconv.ParseUint(words[1], 10, 32)
			h.Out = uint32(n)
		case "weight":
			n, err = strconv.ParseUint(words[1], 10, 9)
			h.Hops = uint8(n - 1)
			if n < 1 || n > 256 {
				err = errNextHop
			}
		default:
			return h, errNextHop
		}
		words = words[2:]
	}
	return h, err
}
