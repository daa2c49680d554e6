package plan

import (
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// change answers a message that would change something, outside of a batch of nf_tables.
func (t *transport) change(m message) {
	var errno unix.Errno
	if t.family == unix.NETLINK_ROUTE {
		errno = t.changeRoute(&m)
	}
	if errno != 0 {
		t.refuse(&m, errno)
		return
	}
	t.accept(&m)
}

func (t *transport) changeRoute(m *message) unix.Errno {
	s := t.plan.state(t.space)
	switch m.typ {
	case unix.RTM_NEWLINK:
		if m.has(unix.NLM_F_CREATE | unix.NLM_F_EXCL) {
			return t.newLink(s, m)
		}
	case unix.RTM_DELLINK:
		if len(m.body) >= unix.SizeofIfInfomsg {
			index := native.Uint32(m.body[4:])
			s.removed[index] = true
			s.links = slices.DeleteFunc(s.links, func(l []byte) bool { return native.Uint32(l[4:]) == index })
		}
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		if len(m.body) < unix.SizeofIfAddrmsg || m.body[0] != unix.AF_INET6 {
			break
		}
		a, ok := netip.AddrFromSlice(attr(m.body[unix.SizeofIfAddrmsg:], unix.IFA_ADDRESS))
		if ok && m.typ == unix.RTM_NEWADDR {
			if m.has(unix.NLM_F_EXCL) && s.hasAddr(m.body[4:8], a) {
				return unix.EEXIST
			}
			s.local[a] = native.Uint32(m.body[4:])
		} else {
			delete(s.local, a)
		}
	}
	return 0
}

// hasAddr asks the kernel whether a link, by its index, has an IPv6 address already: struct ifaddrmsg, linux/if_addr.h.
func (s *state) hasAddr(index []byte, a netip.Addr) bool {
	return s.route != nil && probe(s.route, unix.RTM_GETADDR, 0, []byte{unix.AF_INET6, 0, 0, 0}, index, attribute(unix.IFA_ADDRESS, a.AsSlice())) == 0
}

// newLink is EEXIST where the name or the index of a link or of its peer is taken (rtnl_newlink, net/core/rtnetlink.c).
func (t *transport) newLink(s *state, m *message) unix.Errno {
	if len(m.body) < unix.SizeofIfInfomsg {
		return unix.EINVAL
	}
	attrs := m.body[unix.SizeofIfInfomsg:]
	if t.taken(s, m.body, attrs) {
		return unix.EEXIST
	}
	near := s
	const vethInfoPeer = 1 // VETH_INFO_PEER, linux/veth.h
	peer := attr(attr(attr(attrs, unix.IFLA_LINKINFO), unix.IFLA_INFO_DATA), vethInfoPeer)
	if len(peer) < unix.SizeofIfInfomsg {
		near.links = append(near.links, slices.Clone(m.body))
		return 0
	}
	attrs = peer[unix.SizeofIfInfomsg:]
	if fd := attr(attrs, unix.IFLA_NET_NS_FD); len(fd) == 4 {
		there, err := spaceOf(func(st *unix.Stat_t) error { return unix.Fstat(int(native.Uint32(fd)), st) })
		if err != nil {
			return unix.EBADF
		}
		s = t.plan.state(there)
	}
	if t.taken(s, peer, attrs) {
		return unix.EEXIST
	}
	near.links = append(near.links, slices.Clone(m.body))
	s.links = append(s.links, slices.Clone(peer))
	return 0
}

// made is a link that was made, by what a question names: an index, or a name.
func (s *state) made(body []byte) []byte {
	name := attr(rest(body, unix.SizeofIfInfomsg), unix.IFLA_IFNAME)
	for _, l := range s.links {
		index := native.Uint32(l[4:])
		if len(body) >= unix.SizeofIfInfomsg && index != 0 && index == native.Uint32(body[4:]) ||
			name != nil && string(name) == string(attr(l[unix.SizeofIfInfomsg:], unix.IFLA_IFNAME)) {
			return l
		}
	}
	return nil
}

// taken says whether a namespace has a link of the name, or with the index, that one is to have.
func (t *transport) taken(s *state, info, attrs []byte) bool {
	if s.made(info) != nil {
		return true
	}
	if s.route == nil || len(info) < unix.SizeofIfInfomsg {
		return false
	}
	index := native.Uint32(info[4:])
	none := make([]byte, unix.SizeofIfInfomsg)
	if name := attr(attrs, unix.IFLA_IFNAME); name != nil && !s.removed[s.indexOf(name)] &&
		probe(s.route, unix.RTM_GETLINK, 0, none, attribute(unix.IFLA_IFNAME, name)) == 0 {
		return true
	}
	if index == 0 || s.removed[index] {
		return false
	}
	native.PutUint32(none[4:], index)
	return probe(s.route, unix.RTM_GETLINK, 0, none) == 0
}

// indexOf is the index of a link that would have been removed and has the name; 0 where there is none.
func (s *state) indexOf(name []byte) uint32 {
	for index := range s.removed {
		query := make([]byte, unix.SizeofIfInfomsg)
		native.PutUint32(query[4:], index)
		if answer := s.get(query); string(attr(rest(answer, unix.SizeofIfInfomsg), unix.IFLA_IFNAME)) == string(name) {
			return index
		}
	}
	return 0
}

// get is the body of what the kernel answers to a question for a link.
func (s *state) get(query []byte) []byte {
	const seq = 1 << 31
	if s.route.Send(encode(unix.RTM_GETLINK, unix.NLM_F_REQUEST, seq, query)) != nil {
		return nil
	}
	answer := make([]byte, 1<<16)
	n, err := s.route.Receive(answer, false)
	if err != nil || n < header || n > len(answer) || native.Uint16(answer[4:]) != unix.RTM_NEWLINK {
		return nil
	}
	return answer[header:n]
}

const operUp = 6 // IF_OPER_UP, linux/if.h: it will be, at once

// askRoute answers a question that the plan knows the answer to, or says that it does not.
func (t *transport) askRoute(m *message) bool {
	s := t.plan.state(t.space)
	switch {
	case m.typ == unix.RTM_GETLINK && !m.has(unix.NLM_F_DUMP) && len(m.body) >= unix.SizeofIfInfomsg:
		if l := s.made(m.body); l != nil {
			t.answers = append(t.answers, encode(unix.RTM_NEWLINK, 0, m.seq, l, attribute(unix.IFLA_OPERSTATE, []byte{operUp})))
			return true
		}
		if s.removed[native.Uint32(m.body[4:])] {
			t.refuse(m, unix.ENODEV)
			return true
		}
	case m.typ == unix.RTM_GETLINK:
		for _, l := range s.links {
			t.answers = append(t.answers, encode(unix.RTM_NEWLINK, unix.NLM_F_MULTI, m.seq, l))
		}
	case m.typ == unix.RTM_GETROUTE && !m.has(unix.NLM_F_DUMP):
		a, _ := netip.AddrFromSlice(attr(rest(m.body, unix.SizeofRtMsg), unix.RTA_DST))
		if index, is := s.local[a]; is {
			t.answers = append(t.answers, encode(unix.RTM_NEWROUTE, 0, m.seq,
				[]byte{unix.AF_INET6, 128, 0, 0, unix.RT_TABLE_LOCAL, unix.RTPROT_KERNEL, unix.RT_SCOPE_UNIVERSE, unix.RTN_LOCAL, 0, 0, 0, 0},
				attribute(unix.RTA_TABLE, native.AppendUint32(nil, unix.RT_TABLE_LOCAL)),
				attribute(unix.RTA_DST, a.AsSlice()), attribute(unix.RTA_OIF, native.AppendUint32(nil, index))))
			return true
		}
	}
	return false
}
