package capture

import (
	"encoding/binary"
	"fmt"
	"math"
)

// A link is a link type of pcap, by its number in the registry of link types. Netlink has the 16 bytes of the Linux cooked
// header before each datagram, in network byte order (nlmon(4) is such a link):
//
//	packet type 2, ARPHRD type 2 (824, ARPHRD_NETLINK), address length 2, address 8, netlink family 2
//
// The link "any" has them too, or the 20 of the cooked header's second version:
//
//	netlink family 2, reserved 2, interface 4, ARPHRD type 2, packet type 1, address length 1, address 8
type link uint16

const (
	linkCooked  = 113 // LINKTYPE_LINUX_SLL
	linkCooked2 = 276 // LINKTYPE_LINUX_SLL2

	cookedSize    = 16
	cooked2Size   = 20
	arphrdNetlink = 824 // linux/if_arp.h
)

// The packet types, linux/if_packet.h.
const (
	packetHost     = 0
	packetOutgoing = 4
	packetUser     = 6 // "to user space"
	packetKernel   = 7 // "to kernel space"
)

// appendCooked appends the header of a netlink packet.
func appendCooked(b []byte, p *Packet) []byte {
	order := binary.BigEndian
	way := uint16(packetHost)
	if p.Sent {
		way = packetOutgoing
	}
	b = order.AppendUint16(b, way)
	b = order.AppendUint16(b, arphrdNetlink)
	b = append(b, make([]byte, 10)...)
	return order.AppendUint16(b, uint16(p.Family))
}

// header is the size of the link's header, or 0 for one that has no netlink packets.
func (l link) header() int {
	switch l {
	case linkNetlink, linkCooked:
		return cookedSize
	case linkCooked2:
		return cooked2Size
	}
	return 0
}

// wrong is the error of a capture of another link.
func (l link) wrong() error {
	return fmt.Errorf("it was captured on a link of type %d, and netlink's is %d: capture on a link of kind nlmon", uint16(l), linkNetlink)
}

// packet takes the header off. It is no netlink packet where ok is false.
func (l link) packet(b []byte, missing int64) (p Packet, ok bool) {
	n := l.header()
	if n == 0 || len(b) < n {
		return p, false
	}
	order := binary.BigEndian
	way, hardware, family := order.Uint16(b), order.Uint16(b[2:]), order.Uint16(b[14:])
	if l == linkCooked2 {
		way, hardware, family = uint16(b[10]), order.Uint16(b[8:]), order.Uint16(b)
	}
	if hardware != arphrdNetlink {
		return p, false
	}
	p = Packet{Family: int(family), Data: b[n:], Missing: int(min(missing, math.MaxInt32))}
	p.Data, p.Note = cutNote(p.Data)
	switch {
	case p.Note != nil:
		p.Sent = way == packetOutgoing
	case way == packetUser, way == packetKernel:
		p.Sent = way == packetKernel
	default:
		// What nlmon gives is outgoing, whichever way it goes (dev_queue_xmit_nit, net/core/dev.c).
		p.Sent = requests(p.Data)
	}
	return p, true
}

// requests reports whether a datagram is for the kernel, which takes only what has NLM_F_REQUEST (netlink_rcv_skb,
// net/netlink/af_netlink.c) and sends nothing that has it.
func requests(data []byte) bool {
	const flagRequest = 1
	return len(data) >= 8 && binary.NativeEndian.Uint16(data[6:])&flagRequest != 0
}
