package container_test

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	clab "plumb/container/lab"
)

// dropped sends a datagram from a namespace, from an address of its own where that is valid, to another, and after it one
// that arrives at the same receiver on the same way: what has not come before that was dropped.
func (w *town) dropped(from *clab.Host, source, to netip.AddrPort, receiver *clab.Host, marker netip.AddrPort) error {
	l, err := receiver.ListenPacket("udp4", fmt.Sprintf("0.0.0.0:%d", to.Port()))
	if err != nil {
		return err
	}
	defer l.Close()
	bind := ":0"
	if source.IsValid() {
		bind = source.String()
	}
	attack, err := from.ListenPacket("udp4", bind)
	if err != nil {
		return err
	}
	defer attack.Close()
	legit, err := from.ListenPacket("udp4", ":0")
	if err != nil {
		return err
	}
	defer legit.Close()
	// The first datagram may wait for ARP, and the attack would then overtake nothing.
	for _, s := range []struct {
		conn net.PacketConn
		to   netip.AddrPort
		text string
	}{{legit, marker, "first"}, {attack, to, "attack"}, {legit, marker, "last"}} {
		if _, err := s.conn.WriteTo([]byte(s.text), net.UDPAddrFromAddrPort(s.to)); err != nil && s.text != "attack" {
			return fmt.Errorf("send %s: %w", s.text, err)
		}
	}
	for {
		text, err := read(l)
		switch {
		case err != nil:
			return fmt.Errorf("wait for the marker: %w", err)
		case text == "attack":
			return fmt.Errorf("a datagram from %v to %s came through", source, to)
		case text == "last":
			return nil
		}
	}
}

func read(l net.PacketConn) (string, error) {
	l.SetReadDeadline(time.Now().Add(waitTime))
	var b [64]byte
	n, _, err := l.ReadFrom(b[:])
	return string(b[:n]), err
}
