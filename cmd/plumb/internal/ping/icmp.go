package ping

import (
	"encoding/binary"
	"fmt"
)

// The types of an echo, linux/icmp.h and linux/icmpv6.h.
const (
	icmpEchoReply     = 0   // ICMP_ECHOREPLY
	icmpEchoRequest   = 8   // ICMP_ECHO
	icmpv6EchoRequest = 128 // ICMPV6_ECHO_REQUEST
	icmpv6EchoReply   = 129 // ICMPV6_ECHO_REPLY
)

// headerLen is struct icmphdr, linux/icmp.h: type, code, checksum, identifier, sequence, the last three of
// two bytes each and in network order. ICMPv6's echo looks the same (RFC 4443, section 4.1).
const headerLen = 8

// echoRequest writes a request with size bytes of payload, whose values count up. The checksum is left
// to the kernel where it makes it: on datagram sockets, where it writes the identifier too, and for ICMPv6.
func echoRequest(v6, raw bool, id, seq uint16, size int) []byte {
	b := make([]byte, headerLen+size)
	b[0] = icmpEchoRequest
	if v6 {
		b[0] = icmpv6EchoRequest
	}
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], seq)
	for i := range b[headerLen:] {
		b[headerLen+i] = byte(i)
	}
	if raw && !v6 {
		binary.BigEndian.PutUint16(b[2:], checksum(b))
	}
	return b
}

// checksum is RFC 1071's.
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// An echo is what matters of an echo message.
type echo struct {
	kind    byte // icmpEchoReply, ...
	id, seq uint16
	payload []byte
}

func parseEcho(b []byte) (echo, bool) {
	if len(b) < headerLen {
		return echo{}, false
	}
	return echo{b[0], binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:]), b[headerLen:]}, true
}

// stripIPv4 takes from a packet of a raw IPv4 socket its IP header, and returns the time to live in it:
// raw(7).
func stripIPv4(b []byte) (icmp []byte, ttl int, ok bool) {
	if len(b) < 20 {
		return nil, 0, false
	}
	header := int(b[0]&0xf) * 4 // struct iphdr, linux/ip.h: ihl counts words
	if header < 20 || header > len(b) {
		return nil, 0, false
	}
	return b[header:], int(b[8]), true
}

// wrongByte finds the first byte that is not as echoRequest wrote it.
func wrongByte(payload []byte) (at int, found bool) {
	for i, c := range payload {
		if c != byte(i) {
			return i, true
		}
	}
	return 0, false
}

// icmpError says what an ICMP error means, in the words of iputils. info is the MTU of the next hop, or
// what the parameter problem points at.
func icmpError(kind, code byte, info uint32) string {
	const (
		unreachable      = 3 // ICMP_DEST_UNREACH
		timeExceeded     = 11
		parameterProblem = 12
	)
	switch kind {
	case unreachable:
		return unreachable4(code, info)
	case timeExceeded:
		if code == 1 {
			return "Frag reassembly time exceeded"
		}
		return "Time to live exceeded"
	case parameterProblem:
		return fmt.Sprintf("Parameter problem: pointer = %d", info)
	}
	return fmt.Sprintf("Bad ICMP type: %d", kind)
}

func unreachable4(code byte, mtu uint32) string {
	const fragNeeded = 4 // ICMP_FRAG_NEEDED
	if code == fragNeeded {
		return fmt.Sprintf("Frag needed and DF set (mtu = %d)", mtu)
	}
	texts := [...]string{
		0: "Destination Net Unreachable", 1: "Destination Host Unreachable", 2: "Destination Protocol Unreachable",
		3: "Destination Port Unreachable", 5: "Source Route Failed", 6: "Destination Net Unknown",
		7: "Destination Host Unknown", 8: "Source Host Isolated", 9: "Destination Net Prohibited",
		10: "Destination Host Prohibited", 11: "Destination Net Unreachable for Type of Service",
		12: "Destination Host Unreachable for Type of Service", 13: "Packet filtered", 14: "Precedence Violation",
		15: "Precedence Cutoff",
	}
	if int(code) < len(texts) {
		return texts[code]
	}
	return fmt.Sprintf("Dest Unreachable, Bad Code: %d", code)
}

// icmpv6Error is icmpError for ICMPv6: RFC 4443, section 3.
func icmpv6Error(kind, code byte, info uint32) string {
	switch kind {
	case 1:
		texts := [...]string{
			"No route", "Administratively prohibited", "Beyond scope of source address",
			"Address unreachable", "Port unreachable", "Source address failed policy", "Reject route",
		}
		if int(code) < len(texts) {
			return "Destination unreachable: " + texts[code]
		}
		return fmt.Sprintf("Destination unreachable: Unknown code %d", code)
	case 2:
		return fmt.Sprintf("Packet too big: mtu=%d", info)
	case 3:
		if code == 1 {
			return "Time exceeded: Defragmentation failure"
		}
		return "Time exceeded: Hop limit"
	case 4:
		return fmt.Sprintf("Parameter problem: code %d at %d", code, info)
	}
	return fmt.Sprintf("unknown icmp type: %d", kind)
}

// echoReplyType is the type of what answers an echo.
func echoReplyType(v6 bool) byte {
	if v6 {
		return icmpv6EchoReply
	}
	return icmpEchoReply
}
