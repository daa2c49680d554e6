package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// A pcap file is 24 bytes and then packets, each after 16 bytes of its own; all numbers have the byte order of the machine
// that wrote it (draft-ietf-opsawg-pcap):
//
//	magic  version  (zone, accuracy: 0)  most bytes of a packet  link type
//	seconds  microseconds or nanoseconds  bytes in the file  bytes that there were
const (
	pcapMicro   = 0xa1b2c3d4
	pcapNano    = 0xa1b23c4d
	pcapHeader  = 24
	pcapRecord  = 16
	maxPacket   = 1 << 20 // bytes; libpcap's own limit is 256 KiB
	linkNetlink = 253     // LINKTYPE_NETLINK
)

// MaxPacket is the most bytes that a packet of a written file has: what libpcap and Wireshark take.
const MaxPacket = 1 << 18

// PcapHeader begins a file of nanoseconds and netlink packets.
func PcapHeader() []byte {
	order := binary.NativeEndian
	b := order.AppendUint32(nil, pcapNano)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...)
	b = order.AppendUint32(b, MaxPacket)
	return order.AppendUint32(b, linkNetlink)
}

// AppendPcap appends a packet, with its note, to b. What is over MaxPacket is left out, and said to be missing.
func AppendPcap(b []byte, p *Packet) []byte {
	order := binary.NativeEndian
	data := appendCooked(make([]byte, 0, cookedSize+len(p.Data)+256), p)
	data = append(data, p.Data...)
	if p.Note != nil && p.Missing == 0 {
		for tiled(order, p.Data) && len(data)%4 != 0 { // what is no message is left as it is
			data = append(data, 0)
		}
		data = p.Note.Append(data)
	}
	n := min(len(data), MaxPacket)
	b = order.AppendUint32(b, uint32(p.Time.Unix()))
	b = order.AppendUint32(b, uint32(p.Time.Nanosecond()))
	b = order.AppendUint32(b, uint32(n))
	b = order.AppendUint32(b, uint32(len(data)+p.Missing))
	return append(b, data[:n]...)
}

// pcap reads a pcap file.
type pcap struct {
	r     io.Reader
	order binary.ByteOrder
	unit  time.Duration
	link  link
	count int
	data  []byte
}

func newPcap(r io.Reader) (*pcap, error) {
	var h [pcapHeader]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, fmt.Errorf("read the pcap's first %d bytes: %w", len(h), unexpected(err))
	}
	p := &pcap{r: r, order: binary.LittleEndian}
	if magic := binary.BigEndian.Uint32(h[:]); magic == pcapMicro || magic == pcapNano {
		p.order = binary.BigEndian
	}
	p.unit = time.Microsecond
	if p.order.Uint32(h[:]) == pcapNano {
		p.unit = time.Nanosecond
	}
	p.link = link(p.order.Uint32(h[20:]) & 0xffff) // above are bits about Ethernet's checksum
	if p.link.header() == 0 {
		return nil, p.link.wrong()
	}
	return p, nil
}

// Next implements Source.
func (p *pcap) Next() (Packet, error) {
	for {
		var h [pcapRecord]byte
		if _, err := io.ReadFull(p.r, h[:]); err != nil {
			if err == io.EOF {
				return Packet{}, err
			}
			return Packet{}, fmt.Errorf("packet %d: %w", p.count+1, unexpected(err))
		}
		p.count++
		n, whole := p.order.Uint32(h[8:]), p.order.Uint32(h[12:])
		if n > maxPacket {
			return Packet{}, fmt.Errorf("packet %d: it says that it has %d bytes: the file is damaged", p.count, n)
		}
		p.data = grown(p.data, int(n))
		if _, err := io.ReadFull(p.r, p.data); err != nil {
			return Packet{}, fmt.Errorf("packet %d: %w", p.count, unexpected(err))
		}
		at := time.Unix(int64(p.order.Uint32(h[0:])), int64(p.unit)*int64(p.order.Uint32(h[4:])))
		if packet, ok := p.link.packet(p.data, max(0, int64(whole)-int64(n))); ok {
			packet.Time = at
			return packet, nil
		}
	}
}

func grown(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

var errCutOff = errors.New("the file ends in the middle of it")

// unexpected says in plain words that a file has no end.
func unexpected(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errCutOff
	}
	return err
}
