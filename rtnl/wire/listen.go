package wire

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Join makes the Conn receive what is sent to multicast groups, for Listen.
func (c *Conn) Join(groups ...uint32) error {
	for _, g := range groups {
		if err := c.transport.Join(g); err != nil {
			return fmt.Errorf("join multicast group %d of %s: %w", g, c.config.Protocol.Name, err)
		}
	}
	return nil
}

// Post sends requests to whose answers Listen listens.
func (c *Conn) Post(requests ...Request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.send(requests)
}

// Refusal is the error that an NLMSG_ERROR's body says: 0 for an acknowledgement.
func Refusal(body []byte) unix.Errno {
	if len(body) < 4 {
		return unix.EBADMSG
	}
	return unix.Errno(-int32(native.Uint32(body)))
}

// Listen calls f with each message that arrives, until f returns an error, which Listen returns, or ctx is done. What
// body holds is f's only until it returns. Afterwards the Conn can be listened to again; the messages that came in one
// datagram with the one that f returned an error for are lost.
//
// An error that is ENOBUFS means that messages were lost: the caller looks at everything anew and may call Listen again. What was
// still to be read is thrown away before: until a socket is empty the kernel goes on losing messages, and does not say so again
// (NETLINK_S_CONGESTED, net/netlink/af_netlink.c), so that what happens after Listen has returned would be missed.
func (c *Conn) Listen(ctx context.Context, f func(h netlink.Header, body []byte) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.interruptedBy(ctx)()
	for {
		b, err := c.receive(true)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, errOverrun) {
			c.drain()
		}
		if err != nil {
			return fmt.Errorf("listen to %s: %w", c.config.Protocol.Name, err)
		}
		for len(b) > 0 {
			h, body, rest, err := parseHeader(b)
			if err != nil {
				return fmt.Errorf("listen to %s: %w", c.config.Protocol.Name, err)
			}
			c.traceNotification(b[:h.Length])
			if err := f(h, body); err != nil {
				return err
			}
			b = rest
		}
	}
}

// interruptedBy makes a Receive that waits end when ctx is done, until stop is called.
func (c *Conn) interruptedBy(ctx context.Context) (stop func()) {
	done := make(chan struct{})
	remove := context.AfterFunc(ctx, func() {
		_ = c.transport.SetReadDeadline(time.Unix(1, 0)) // it fails on a closed socket only, which waits for nothing
		close(done)
	})
	return func() {
		if !remove() { // it has been started: the deadline goes once it has been set
			<-done
			_ = c.transport.SetReadDeadline(time.Time{})
		}
	}
}
