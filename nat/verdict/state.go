package verdict

import (
	"bytes"

	"plumb/nat"
)

// A state is what is known of a packet on its way.
type state struct {
	packet    *Packet
	hook      nat.HookNum
	registers registers
	sure      bool // what is done to the packet is done to it for certain

	mark, ctMark value // 4 bytes, in the host's byte order
	tracking     tracking
	atHost       bool  // where it is going, so far, is an address of the host's
	network      value // its headers
	transport    value
}

// tracking is what connection tracking knows of a packet.
type tracking uint8

const (
	notYet     tracking = iota // a chain before its priority
	tracked                    // it has
	untracked                  // a rule has told it to keep out
	perhapsNot                 // a rule may have
)

// The priorities that tell what has been done to a packet: enum nf_ip_hook_priorities, linux/netfilter_ipv4.h.
const (
	priorityConntrack = -200
	priorityDstNAT    = -100
)

// begin is the packet at the beginning of its way. A packet that comes in by a link, or that a socket of a program that sets no mark sends, has
// the mark 0; the mark of a connection that stands is whatever it is.
func (s *state) begin(p *Packet) {
	s.packet, s.mark, s.ctMark = p, host32(0, all32), host32(0, all32)
	if p.Reply {
		s.ctMark = unknown(4)
	}
	s.tracking = notYet
}

// enter is the packet before a base chain.
func (s *state) enter(c *nat.Chain) {
	s.hook = c.Hook.Num
	early := s.hook == nat.NF_INET_PRE_ROUTING || s.hook == nat.NF_INET_LOCAL_OUT
	if s.tracking == notYet && (!early || c.Hook.Priority > priorityConntrack) {
		s.tracking = tracked
	}
	dst, port := s.packet.Dst, s.packet.DstPort
	s.atHost = s.packet.ToHost
	if s.packet.Before.IsValid() && early && c.Hook.Priority <= priorityDstNAT {
		dst, port = s.packet.Before.Addr(), s.packet.Before.Port()
		s.atHost = true
	}
	s.network, s.transport = s.packet.networkHeader(dst), s.packet.transportHeader(port)
}

// forget is the registers at the beginning of a rule.
func (s *state) forget() {
	if s.registers.data == nil {
		s.registers.forget()
		return
	}
	clear(s.registers.data)
	clear(s.registers.known)
}

// in and out are the links as a rule at this hook sees them.
func (s *state) in() *Link {
	if s.hook == nat.NF_INET_LOCAL_OUT || s.hook == nat.NF_INET_POST_ROUTING && s.packet.FromHost {
		return nil
	}
	return &s.packet.In
}

func (s *state) out() *Link {
	if s.hook == nat.NF_INET_PRE_ROUTING || s.hook == nat.NF_INET_LOCAL_IN {
		return nil
	}
	return &s.packet.Out
}

// setMark gives the packet, or its connection, a mark.
func (s *state) setMark(at *value, v value) {
	if s.sure || bytes.Equal(at.data, v.data) && v.isKnown() && at.isKnown() {
		*at = v.part(0, 4)
	} else {
		*at = unknown(4)
	}
}

// doNotTrack is "notrack".
func (s *state) doNotTrack() {
	switch {
	case s.tracking != notYet: // it comes too late
	case s.sure:
		s.tracking = untracked
	default:
		s.tracking = perhapsNot
	}
}

// Bits of "ct state" and "ct status": linux/netfilter/nf_conntrack_common.h. Those of the state that x_tables has, XT_CONNTRACK_STATE_*, are the same, and it
// has some more.
const (
	stateInvalid     = 1 << 0
	stateEstablished = 1 << 1
	stateNew         = 1 << 3
	stateUntracked   = 1 << 6

	statusSeenReply = 1 << 1
	statusSrcNAT    = 1 << 4
	statusDstNAT    = 1 << 5
)

// ctState is the connection's state, and which bits of it are known.
func (s *state) ctState() (bits, known uint32) {
	switch {
	case s.tracking == notYet:
		return stateInvalid, all32
	case s.tracking == untracked:
		return stateUntracked, all32
	case s.packet.Reply:
		bits = stateEstablished
	default:
		bits = stateNew
	}
	if s.tracking == perhapsNot {
		return 0, ^(bits | stateUntracked)
	}
	return bits, all32
}

// ctStatus is the connection's status.
func (s *state) ctStatus() (bits, known uint32) {
	known = statusSeenReply | statusDstNAT
	if s.packet.Reply {
		bits = statusSeenReply
	}
	if s.packet.Before.IsValid() {
		bits |= statusDstNAT
	}
	return bits, known
}
