package ping_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"plumb/container/netns"
)

// A message is an ICMP message that a responder sends; its checksum may be missing.
type message struct {
	router bool // from another address than the one that was asked
	data   []byte
}

// A responder answers echo requests in the kernel's place, by a script.
type responder struct {
	ns             *netns.NS
	v6             bool
	target, router netip.Addr
}

func newResponder(t *testing.T, raw, v6 bool, script func(r *responder, request []byte) []message) *responder {
	t.Helper()
	r := &responder{ns: newHost(t, raw), v6: v6, target: netip.MustParseAddr("127.0.0.7"), router: netip.MustParseAddr("127.0.0.3")}
	network := "ip4:icmp"
	if v6 {
		network, r.target, r.router = "ip6:ipv6-icmp", netip.IPv6Loopback(), netip.IPv6Loopback()
		set(t, r.ns, "net.ipv6.icmp.echo_ignore_all", "1")
	} else {
		set(t, r.ns, "net.ipv4.icmp_echo_ignore_all", "1")
	}
	var in, out net.PacketConn
	err := r.ns.Do(func() (err error) {
		if in, err = net.ListenPacket(network, r.target.String()); err != nil {
			return err
		}
		out, err = net.ListenPacket(network, r.router.String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.serve(in, out, script)
	}()
	t.Cleanup(func() {
		in.Close()
		out.Close()
		<-done
	})
	return r
}

func (r *responder) serve(in, out net.PacketConn, script func(*responder, []byte) []message) {
	buf := make([]byte, 70000)
	request := byte(8)
	if r.v6 {
		request = 128
	}
	for {
		n, from, err := in.ReadFrom(buf)
		if err != nil {
			return
		}
		if n < 8 || buf[0] != request {
			continue
		}
		for _, m := range script(r, append([]byte(nil), buf[:n]...)) {
			if !r.v6 {
				seal(m.data) // the kernel does it for ICMPv6
			}
			conn := in
			if m.router {
				conn = out
			}
			conn.WriteTo(m.data, from)
		}
	}
}

// echoed is the reply to a request, with a change.
func (r *responder) echoed(request []byte, change func([]byte) []byte) message {
	b := append([]byte(nil), request...)
	b[0] = 0
	if r.v6 {
		b[0] = 129
	}
	if change != nil {
		b = change(b)
	}
	return message{data: b}
}

// failure is an ICMP error about a request, as a router sends it: the packet's IP header and its beginning.
func (r *responder) failure(request []byte, kind, code byte, info uint32) message {
	b := binary.BigEndian.AppendUint32([]byte{kind, code, 0, 0}, info)
	size := uint16(len(request))
	local := netip.MustParseAddr("127.0.0.1")
	if r.v6 { // struct ipv6hdr, linux/ipv6.h
		local = netip.IPv6Loopback()
		b = append(b, 0x60, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, size)
		b = append(b, 58, 1)
	} else { // struct iphdr, linux/ip.h
		b = append(b, 0x45, 0)
		b = binary.BigEndian.AppendUint16(b, size+20)
		b = append(b, 0, 0, 0, 0, 1, 1, 0, 0)
	}
	b = append(b, local.AsSlice()...)
	b = append(b, r.target.AsSlice()...)
	return message{router: true, data: append(b, request...)}
}

// seal writes the checksum of RFC 1071.
func seal(b []byte) {
	b[2], b[3] = 0, 0
	var sum uint32
	for i, c := range b {
		sum += uint32(c) << (8 * (1 - i%2))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(b[2:], ^uint16(sum))
}
