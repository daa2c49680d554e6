package trace

import (
	"errors"
	"io"
	"sync"
	"time"

	"plumb/rtnl/trace/capture"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// A Pcap is a tracer that writes every message and every step to a file of packets, which Wireshark and tshark open and
// capture.Play reads back: nanoseconds, LINKTYPE_NETLINK, one message a packet, and a capture.Note with each.
type Pcap struct {
	mu    sync.Mutex // guards what follows
	w     io.Writer
	start time.Time
	b     []byte
	err   error
}

// NewPcap returns a Pcap that writes to w: each packet in one Write, so that what is killed leaves whole packets. It may be
// shared by any number of Conns. The start is what a trace's times count from, as in Options; zero means the first event.
func NewPcap(w io.Writer, start time.Time) *Pcap {
	p := &Pcap{w: w, start: start}
	p.write(capture.PcapHeader())
	if !start.IsZero() {
		p.packet(&capture.Packet{
			Time: start, Family: unix.NETLINK_USERSOCK, Sent: true, Note: &capture.Note{Kind: capture.KindStart},
		})
	}
	return p
}

// Trace implements wire.Tracer.
func (p *Pcap) Trace(e wire.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.start.IsZero() {
		p.start = e.Time
	}
	packet := &capture.Packet{
		// The time between two events is by the clock that nobody sets.
		Time:   p.start.Add(e.Time.Sub(p.start)),
		Family: unix.NETLINK_USERSOCK, Sent: e.Sent || e.Message == nil, Data: e.Message,
		Note: &capture.Note{Kind: kind(e.Kind), Namespace: e.Namespace, Purpose: e.Purpose, Why: e.Why, Latency: e.Latency},
	}
	if e.Protocol != nil {
		packet.Family = e.Protocol.Family
	}
	if e.Message == nil && e.Err != nil {
		errno := unix.Errno(0)
		errors.As(e.Err.Err, &errno)
		packet.Note.Error, packet.Note.Errno = stepError(e.Err), int(errno)
	}
	p.packet(packet)
}

func (p *Pcap) packet(packet *capture.Packet) {
	p.b = capture.AppendPcap(p.b[:0], packet)
	p.write(p.b)
}

func kind(k wire.EventKind) string {
	switch k {
	case wire.KindBegin:
		return capture.KindBegin
	case wire.KindEnd:
		return capture.KindEnd
	}
	return ""
}

// stepError is why a step failed.
func stepError(e *wire.Error) string {
	if e.Err == nil {
		return why(e)
	}
	return e.Err.Error()
}

// write keeps the first error, and writes nothing after it: half a packet may be there.
func (p *Pcap) write(b []byte) {
	if p.err == nil {
		_, p.err = p.w.Write(b)
	}
}

// Close says what kept the file from being whole. It does not close what NewPcap was given.
func (p *Pcap) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}
