package relay_test

import (
	"io"
	"net"
	"testing"

	"plumb/container/lab"
)

// Bytes from a client to the container through the relay, and to it directly from the host.
func BenchmarkTransfer(b *testing.B) {
	s := start(b, "tcp", 4000, 0)
	s.accept(b, 4000, func(c *net.TCPConn) { io.Copy(c, c) })
	for name, to := range map[string]string{"relay": s.at.String(), "direct": lab.NameServer4 + ":4000"} {
		b.Run(name, func(b *testing.B) {
			c, err := s.host.DialContext(b.Context(), "tcp", to)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			chunk := make([]byte, 64<<10) // there and back
			b.SetBytes(int64(len(chunk)))
			for b.Loop() {
				c.Write(chunk)
				if _, err := io.ReadFull(c, chunk); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A datagram there and back.
func BenchmarkDatagram(b *testing.B) {
	s := start(b, "udp", lab.EchoPort, 0)
	for name, to := range map[string]string{"relay": s.at.String(), "direct": lab.NameServer4 + ":7"} {
		b.Run(name, func(b *testing.B) {
			c, err := s.host.DialContext(b.Context(), "udp", to)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			for b.Loop() {
				echo(b, c, "ping")
			}
		})
	}
}
