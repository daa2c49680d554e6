package verdict

import (
	"golang.org/x/sys/unix"

	"plumb/nat"
)

// What loads a register: net/netfilter/nft_meta.c, nft_ct.c, nft_fib.c and nft_payload.c.

func (w *walker) meta(m *nat.Meta) truth {
	if m.Dest == 0 {
		if m.Key == nat.NFT_META_MARK {
			w.setMark(&w.mark, w.registers.load(m.Source, 4))
		}
		return yes
	}
	v, t := w.metaValue(m.Key)
	w.registers.store(m.Dest, v)
	return t
}

// metaValue is what the kernel knows of the packet. no is a rule that ends since the packet has no such thing.
func (w *walker) metaValue(key nat.MetaKey) (value, truth) {
	p := w.packet
	switch key {
	case nat.NFT_META_IIFNAME:
		return nameOf(w.in()), yes
	case nat.NFT_META_OIFNAME:
		return nameOf(w.out()), yes
	case nat.NFT_META_IIF:
		return indexOf(w.in()), yes
	case nat.NFT_META_OIF:
		return indexOf(w.out()), yes
	case nat.NFT_META_IIFGROUP:
		return groupOf(w.in())
	case nat.NFT_META_OIFGROUP:
		return groupOf(w.out())
	case nat.NFT_META_MARK:
		return w.mark, yes
	case nat.NFT_META_NFPROTO:
		return known([]byte{byte(p.family())}), yes
	case nat.NFT_META_L4PROTO:
		return known([]byte{p.Proto}), yes
	case nat.NFT_META_PKTTYPE:
		return known([]byte{unix.PACKET_HOST}), yes
	case unix.NFT_META_PROTOCOL:
		if p.family() == nat.NFPROTO_IPV4 {
			return known([]byte{0x08, 0x00}), yes // ETH_P_IP
		}
		return known([]byte{0x86, 0xdd}), yes // ETH_P_IPV6
	case unix.NFT_META_SKUID, unix.NFT_META_SKGID:
		if !p.FromHost {
			return unknown(4), no // no socket of this host's has sent it
		}
	}
	return unknown(16), maybe
}

// nameOf is a link's name as a register has it; all zero where there is no link.
func nameOf(l *Link) value {
	if l == nil {
		return known(make([]byte, unix.IFNAMSIZ))
	}
	return known(nat.IfName(l.Name))
}

// indexOf is a link's index. One whose index is not known is like no other: a container that is yet to come.
func indexOf(l *Link) value {
	switch {
	case l == nil:
		return host32(0, all32)
	case l.Index == 0:
		return host32(1<<31-1, all32)
	}
	return host32(l.Index, all32)
}

func groupOf(l *Link) (value, truth) {
	if l == nil {
		return unknown(4), no
	}
	return host32(l.Group, all32), yes
}

func (w *walker) payload(p *nat.Payload) truth {
	if p.Dest == 0 {
		return yes // it is written
	}
	var header value
	switch p.Base {
	case nat.NFT_PAYLOAD_NETWORK_HEADER:
		header = w.network
	case nat.NFT_PAYLOAD_TRANSPORT_HEADER:
		header = w.transport
	}
	w.registers.store(p.Dest, header.part(int(min(p.Offset, 1<<16)), int(min(p.Len, registerBytes))))
	return yes
}

func (w *walker) ct(c *nat.CT) truth {
	if c.Dest == 0 {
		if c.Key == nat.NFT_CT_MARK {
			w.setMark(&w.ctMark, w.registers.load(c.Source, 4))
		}
		return yes
	}
	if c.Key == nat.NFT_CT_STATE {
		w.registers.store(c.Dest, host32(w.ctState()))
		return yes
	}
	v := unknown(16)
	switch c.Key {
	case nat.NFT_CT_STATUS:
		v = host32(w.ctStatus())
	case nat.NFT_CT_MARK:
		v = w.ctMark
	case unix.NFT_CT_DIRECTION:
		v = known([]byte{0})
		if w.packet.Reply {
			v.data[0] = 1 // IP_CT_DIR_REPLY
		}
	}
	w.registers.store(c.Dest, v)
	if w.tracking == notYet || w.tracking == untracked {
		return no
	}
	if w.tracking == perhapsNot {
		return maybe
	}
	return yes
}

// fib asks the routing tables. The packets that are asked about go where the host sends them, and come from where it would send
// answers, so that the answer is known.
func (w *walker) fib(f *nat.FIB) value {
	ofSource := f.Flags&nat.NFTA_FIB_F_SADDR != 0
	link, local := &w.packet.Out, w.atHost
	if ofSource {
		link, local = &w.packet.In, w.packet.FromHost
	}
	switch {
	case f.Result == nat.NFT_FIB_RESULT_ADDRTYPE:
		return host32(addressType(local), all32)
	case local || link.Name == "":
		return unknown(16)
	case f.Flags&nat.NFTA_FIB_F_PRESENT != 0:
		return known([]byte{1})
	case f.Result == nat.NFT_FIB_RESULT_OIF:
		return indexOf(link)
	case f.Result == nat.NFT_FIB_RESULT_OIFNAME:
		return nameOf(link)
	}
	return unknown(16)
}

// addressType is RTN_*, linux/rtnetlink.h.
func addressType(local bool) uint32 {
	if local {
		return unix.RTN_LOCAL
	}
	return unix.RTN_UNICAST
}
