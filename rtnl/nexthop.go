package rtnl

import (
	"encoding/binary"
	"fmt"
	"strings"

	"plumb/rtnl/wire"
)

// RTA_MULTIPATH holds the ways of a route that has several, each this struct and attributes after it
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
	Flags uint8
	Hops  uint8 // the weight, less 1
	Out   uint32
	Attrs []byte // RTA_GATEWAY and others, as they are on the wire
}

const nextHopSize = 8

func putNextHops(r *Route) []byte {
	var b []byte
	for _, h := range r.Multipath {
		b = binary.NativeEndian.AppendUint16(b, uint16(nextHopSize+len(h.Attrs)))
		b = append(b, h.Flags, h.Hops)
		b = binary.NativeEndian.AppendUint32(b, h.Out)
		b = append(b, h.Attrs...)
		b = append(b, make([]byte, -len(b)&3)...)
	}
	return b
}

func getNextHops(r *Route, a wire.Attr) error {
	for b := a.Data; len(b) > 0; {
		if len(b) < nextHopSize {
			return wire.ErrTruncated
		}
		n := int(binary.NativeEndian.Uint16(b))
		if n < nextHopSize || n > len(b) {
			return wire.ErrTruncated
		}
		h := NextHop{Flags: b[2], Hops: b[3], Out: binary.NativeEndian.Uint32(b[4:])}
		if n > nextHopSize {
			h.Attrs = append(h.Attrs, b[nextHopSize:n]...)
		}
		r.Multipath = append(r.Multipath, h)
		b = b[min((n+3)&^3, len(b)):]
	}
	return nil
}

func showNextHops(a wire.Attr) string {
	var r Route
	if err := getNextHops(&r, a); err != nil {
		return fmt.Sprintf("%#x", a.Data)
	}
	words := make([]string, len(r.Multipath))
	for i, h := range r.Multipath {
		words[i] = fmt.Sprintf("[dev %d weight %d %#x]", h.Out, int(h.Hops)+1, h.Attrs)
	}
	return strings.Join(words, " ")
}
