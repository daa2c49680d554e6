package trace

import (
	"io"
	"testing"
	"time"

	"github.com/mdlayher/netlink"

	"plumb/rtnl/wire"
)

// BenchmarkShort is what a request and its acknowledgement cost who traces in short form:
//
//	go test -run - -bench Short -benchmem ./rtnl/trace
func BenchmarkShort(b *testing.B) {
	m := messages()
	protocol := &wire.Protocol{Name: "NETLINK_TEST", Lookup: func(typ uint16) *wire.Info { return m[typ].Info() }}
	request := encode(b, m[16], netlink.Acknowledge|netlink.Create|netlink.Excl, &link{Name: "pl-web", Info: &info{"veth"}}, 7)
	ack := answered(b, 7, answer{})
	for name, tracer := range map[string]wire.Tracer{
		"short": Short(io.Discard, Options{}), "text": Text(io.Discard, Options{}),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				tracer.Trace(wire.Event{Time: time.Now(), Namespace: "host", Protocol: protocol, Sent: true, Message: request, Purpose: "create pl-web and eth0 at its other end"})
				tracer.Trace(wire.Event{Time: time.Now(), Namespace: "host", Protocol: protocol, Message: ack, Purpose: "create pl-web and eth0 at its other end", Latency: 123456})
			}
		})
	}
}
