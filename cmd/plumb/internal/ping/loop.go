package ping

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// A pinger is one run.
type pinger struct {
	o     Options
	w     io.Writer
	s     *socket
	bell  *bell
	to    netip.Addr // without a zone, as replies show it
	stats Stats

	start, last time.Time // of the first request, of the last event
	next        time.Time // when the next request is due
	unsent      int       // requests that never left
	flights     map[uint16]*flight
}

// A flight is a request, by its sequence number; 65536 later its number is used again.
type flight struct {
	n       int // the how-manieth request, from 1
	sent    time.Time
	replied bool
}

// loop sends and receives until there is a reason to end.
func (p *pinger) loop(ctx context.Context) error {
	p.start = time.Now()
	p.last, p.next = p.start, p.start
	for ctx.Err() == nil {
		now := time.Now()
		end := p.end()
		if p.enough() || !end.IsZero() && !now.Before(end) {
			break
		}
		if p.sending() && !now.Before(p.next) {
			p.send(now)
			continue
		}
		until := end
		if p.sending() && (until.IsZero() || p.next.Before(until)) {
			until = p.next
		}
		rang, err := p.s.wait(p.bell.fd, until)
		if err != nil {
			return err
		}
		if rang {
			p.bell.quiet()
			for range p.bell.reports.Swap(0) {
				p.stats.printShort(p.o.ReportTo)
			}
		}
		p.drain()
	}
	p.stats.Elapsed = p.last.Sub(p.start)
	return nil
}

// enough reports whether all is known that was asked for.
func (p *pinger) enough() bool {
	known := p.stats.Received + p.stats.Errors
	return p.o.Count > 0 && known+p.unsent >= p.o.Count || p.o.Deadline > 0 && p.stats.Errors > 0
}

// sending reports whether there are requests to send. With a deadline they go on until Count are answered.
func (p *pinger) sending() bool {
	return p.o.Count == 0 || p.stats.Transmitted < p.o.Count || p.o.Deadline > 0
}

// end is when to stop waiting; zero for never. After the last request that is Wait if nothing ever came,
// else two round trips, an interval or a second, whichever is longest. (The second is not iputils': there a
// short interval takes a late reply for a lost one.)
func (p *pinger) end() time.Time {
	switch {
	case p.o.Deadline > 0:
		return p.start.Add(p.o.Deadline)
	case p.sending():
		return time.Time{}
	case p.stats.Received > 0:
		least := time.Second
		if p.o.Wait > 0 {
			least = min(least, p.o.Wait)
		}
		return p.next.Add(max(2*p.stats.Max, p.o.Interval, least) - p.o.Interval)
	case p.o.Wait > 0:
		return p.next.Add(p.o.Wait - p.o.Interval)
	}
	return time.Time{}
}

// send sends the next request. That one cannot be sent does not end the run: routes and firewalls change.
func (p *pinger) send(now time.Time) {
	p.drain() // an error that waits would be this call's
	n := p.stats.Transmitted + 1
	f := &flight{n: n, sent: time.Now()}
	p.flights[uint16(n)] = f
	err := p.s.send(uint16(n), p.o.Size)
	if err != nil && err != unix.EMSGSIZE && p.drain() {
		f.sent = time.Now() // that was about a request before
		err = p.s.send(uint16(n), p.o.Size)
	}
	switch err {
	case unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM, unix.EINTR:
		p.next = now.Add(10 * time.Millisecond) // the queue of the link is full
		return
	}
	p.stats.Transmitted = n
	p.last, p.next = f.sent, now.Add(p.o.Interval)
	if err != nil && !p.drain() { // a local failure that the error queue tells of is counted there
		p.unsent++
		p.printf("ping: sendmsg: %v\n", err)
	}
}

// drain takes all that the socket has to say, and reports whether a failure was among it.
func (p *pinger) drain() (failed bool) {
	for {
		f, err := p.s.failed()
		if err != nil {
			break
		}
		failed = true
		p.failed(f)
	}
	for {
		r, err := p.s.receive()
		if errors.Is(err, unix.EAGAIN) {
			return failed
		}
		if err != nil {
			continue // it is cleared by having been told
		}
		p.received(r)
	}
}

// received counts a reply and prints its line.
func (p *pinger) received(r packet) {
	f, ok := p.flights[r.seq]
	if !ok {
		return // to a request that was never sent
	}
	p.last = time.Now()
	rtt := p.last.Sub(f.sent)
	// The kernel's time of arrival spares us the wait for this thread's turn, unless someone has set the
	// clock meanwhile.
	if t := r.at.Sub(f.sent.Round(0)); !r.at.IsZero() && t >= 0 && t < rtt {
		rtt = t
	}
	note := p.count(f, r)
	p.stats.add(rtt)
	ttl := ""
	if r.ttl >= 0 {
		ttl = fmt.Sprintf(" ttl=%d", r.ttl)
	}
	p.printf("%d bytes from %s: icmp_seq=%d%s time=%s%s\n", r.size, r.from, r.seq, ttl, roundTrip(rtt), note)
}

// count counts a reply, and returns what is odd about it.
func (p *pinger) count(f *flight, r packet) (note string) {
	if f.replied {
		p.stats.Duplicates++
		note = " (DUP!)"
	} else {
		p.stats.Received++
		p.stats.acknowledge(f.n)
		f.replied = true
	}
	if r.from != p.to && !p.to.IsMulticast() {
		note += " (DIFFERENT ADDRESS!)"
	}
	at, wrong := wrongByte(r.payload)
	switch {
	case r.cut || len(r.payload) > p.o.Size:
		note += " (too long)"
	case len(r.payload) < p.o.Size:
		note += " (truncated)"
	case wrong:
		note += fmt.Sprintf("\nwrong data byte #%d should be 0x%x but was 0x%x", at, byte(at), r.payload[at])
	default:
		return note
	}
	p.stats.Corrupted++
	return note
}

// failed counts a failure and prints its line.
func (p *pinger) failed(f failure) {
	if f.local {
		p.stats.Errors++
		if f.errno == unix.EMSGSIZE {
			p.printf("ping: local error: message too long, mtu=%d\n", f.info)
			return
		}
		p.printf("ping: local error: %v\n", f.errno)
		return
	}
	sent, ok := p.flights[f.seq]
	if !ok {
		return
	}
	p.last = time.Now()
	p.stats.Errors++
	p.stats.acknowledge(sent.n)
	text := icmpError
	if p.s.v6 {
		text = icmpv6Error
	}
	p.printf("From %s icmp_seq=%d %s\n", f.from, f.seq, text(f.kind, f.code, f.info))
}

// printf writes a line, unless there should be none.
func (p *pinger) printf(format string, args ...any) {
	if !p.o.Quiet {
		fmt.Fprintf(p.w, format, args...)
	}
}
