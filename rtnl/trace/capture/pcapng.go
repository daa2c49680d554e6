package capture

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"time"
)

// A pcapng file is blocks (draft-ietf-opsawg-pcapng), each
//
//	type 4, length 4 (of it all), body, length 4
//
// in the byte order of the section that they are in. A section begins with a block that says which that is; then come
// descriptions of interfaces, and packets that refer to them. All other blocks are passed over.
const (
	ngSection   = 0x0a0d0d0a // reads the same in both byte orders
	ngOrder     = 0x1a2b3c4d
	ngInterface = 1
	ngOld       = 2 // a packet, as it was before ngPacket
	ngSimple    = 3 // a packet of the first interface, without a time
	ngPacket    = 6

	ngName       = 2 // options of an interface
	ngResolution = 9
	ngOffset     = 14

	maxInterfaces = 1 << 12
)

type pcapng struct {
	r          io.Reader
	order      binary.ByteOrder // nil before the first section
	interfaces []ngLink         // of the section
	links      int              // that can be read, in all sections
	other      link             // one that cannot
	count      int              // blocks
	block      []byte
}

type ngLink struct {
	link
	name   string
	snap   uint32        // the most bytes of a packet; 0 for all
	second uint64        // units of time in a second
	offset time.Duration // to add
}

func newPcapng(r io.Reader) *pcapng { return &pcapng{r: r} }

// Next implements Source.
func (p *pcapng) Next() (Packet, error) {
	for {
		typ, body, err := p.next()
		if err == io.EOF && p.links == 0 && p.other != 0 {
			return Packet{}, p.other.wrong()
		}
		if err != nil {
			return Packet{}, err
		}
		packet, ok, err := p.read(typ, body)
		if err != nil {
			return Packet{}, fmt.Errorf("block %d: %w", p.count, err)
		}
		if ok {
			return packet, nil
		}
	}
}

// next reads a block.
func (p *pcapng) next() (typ uint32, body []byte, err error) {
	var h [12]byte
	if _, err := io.ReadFull(p.r, h[:8]); err != nil {
		if err != io.EOF {
			err = fmt.Errorf("block %d: %w", p.count+1, unexpected(err))
		}
		return 0, nil, err
	}
	p.count++
	n := 8
	if binary.LittleEndian.Uint32(h[:]) == ngSection {
		if _, err := io.ReadFull(p.r, h[8:]); err != nil {
			return 0, nil, fmt.Errorf("block %d: %w", p.count, unexpected(err))
		}
		n = 12
		switch uint32(ngOrder) {
		case binary.LittleEndian.Uint32(h[8:]):
			p.order = binary.LittleEndian
		case binary.BigEndian.Uint32(h[8:]):
			p.order = binary.BigEndian
		default:
			return 0, nil, fmt.Errorf("block %d: it does not say its byte order: the file is damaged", p.count)
		}
	}
	length := p.order.Uint32(h[4:])
	if length < uint32(n)+4 || length%4 != 0 || length > maxPacket+1<<16 {
		return 0, nil, fmt.Errorf("block %d: it says that it has %d bytes: the file is damaged", p.count, length)
	}
	p.block = grown(p.block, int(length)-n)
	if _, err := io.ReadFull(p.r, p.block); err != nil {
		return 0, nil, fmt.Errorf("block %d: %w", p.count, unexpected(err))
	}
	return p.order.Uint32(h[:]), p.block[:len(p.block)-4], nil
}

// read takes the body of a block.
func (p *pcapng) read(typ uint32, body []byte) (packet Packet, ok bool, err error) {
	var in, taken, whole, high, low uint32
	timed := true
	header := 20
	switch {
	case typ == ngSection:
		p.interfaces = nil
		return packet, false, nil
	case typ == ngInterface && len(body) >= 8:
		return packet, false, p.addInterface(body)
	case typ == ngPacket && len(body) >= header:
		in = p.order.Uint32(body)
		high, low, taken, whole = p.order.Uint32(body[4:]), p.order.Uint32(body[8:]), p.order.Uint32(body[12:]), p.order.Uint32(body[16:])
	case typ == ngOld && len(body) >= header:
		in = uint32(p.order.Uint16(body))
		high, low, taken, whole = p.order.Uint32(body[4:]), p.order.Uint32(body[8:]), p.order.Uint32(body[12:]), p.order.Uint32(body[16:])
	case typ == ngSimple && len(body) >= 4 && len(p.interfaces) > 0:
		header, timed = 4, false
		whole = p.order.Uint32(body)
		taken = min(whole, uint32(len(body)-header))
		if snap := p.interfaces[0].snap; snap != 0 {
			taken = min(taken, snap)
		}
	case typ == ngPacket, typ == ngOld, typ == ngInterface, typ == ngSimple:
		return packet, false, fmt.Errorf("it has only %d bytes: the file is damaged", len(body))
	default:
		return packet, false, nil
	}
	if uint64(in) >= uint64(len(p.interfaces)) || uint64(taken) > uint64(len(body)-header) {
		return packet, false, fmt.Errorf("a packet of interface %d and %d bytes: the file is damaged", in, taken)
	}
	i := &p.interfaces[in]
	packet, ok = i.packet(body[header:header+int(taken)], max(0, int64(whole)-int64(taken)))
	if timed {
		packet.Time = i.time(uint64(high)<<32 | uint64(low))
	}
	if len(p.interfaces) > 1 {
		packet.Namespace = i.name
	}
	return packet, ok, nil
}

// addInterface takes the description of an interface: link type 2, reserved 2, most bytes 4, options.
func (p *pcapng) addInterface(body []byte) error {
	if len(p.interfaces) >= maxInterfaces {
		return fmt.Errorf("more than %d interfaces", maxInterfaces)
	}
	i := ngLink{
		link: link(p.order.Uint16(body)), snap: p.order.Uint32(body[4:]), second: 1e6,
		name: fmt.Sprint("interface ", len(p.interfaces)),
	}
	if i.header() == 0 {
		p.other = i.link
	} else {
		p.links++
	}
	for b := body[8:]; len(b) >= 4; {
		code, n := p.order.Uint16(b), int(p.order.Uint16(b[2:]))
		if n > len(b)-4 {
			return fmt.Errorf("an option of %d bytes: the file is damaged", n)
		}
		i.option(p.order, code, b[4:4+n])
		b = b[min(4+(n+3)&^3, len(b)):]
	}
	p.interfaces = append(p.interfaces, i)
	return nil
}

func (i *ngLink) option(order binary.ByteOrder, code uint16, value []byte) {
	switch {
	case code == ngName && len(value) > 0 && len(value) <= 64:
		i.name = string(value)
	case code == ngOffset && len(value) == 8:
		if s := int64(order.Uint64(value)); s > -math.MaxInt32 && s < math.MaxInt32 {
			i.offset = time.Duration(s) * time.Second
		}
	case code == ngResolution && len(value) == 1 && value[0]&0x80 != 0: // a power of 2
		i.second = 1 << min(value[0]&0x7f, 63)
	case code == ngResolution && len(value) == 1: // a power of 10
		i.second = 1
		for range min(value[0], 19) {
			i.second *= 10
		}
	}
}

// time is a number of units since 1970.
func (i *ngLink) time(units uint64) time.Time {
	high, low := bits.Mul64(units%i.second, 1e9)
	nano, _ := bits.Div64(high, low, i.second)
	return time.Unix(int64(min(units/i.second, math.MaxInt32<<2)), int64(nano)).Add(i.offset)
}
