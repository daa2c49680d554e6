package wire

import (
	"context"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
)

// Join makes the Conn receive what is sent to a multicast group, for Listen.
func (c *Conn) Join(groups ...uint32) error {
	for _, g := range groups {
		if err := c.transport.Join(g); err != nil {
			return fmt.Errorf("join multicast group %d of %s: %w", g, c.config.Protocol.Name, err)
		}
	}
	return nil
}

// Listen calls f with each message that arrives, until f returns an error, which Listen returns, or ctx is done. The
// Conn is then of no other use. ENOBUFS means that messages were lost: the caller looks at everything anew and may
// call Listen again.
func (c *Conn) Listen(ctx context.Context, f func(h netlink.Header, body []byte) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { _ = c.transport.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		b, err := c.receive(true)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("listen to %s: %w", c.config.Protocol.Name, err)
		}
		for len(b) > 0 {
			h, body, rest, err := parseHeader(b)
			if err != nil {
				return fmt.Errorf("listen to %s: %w", c.config.Protocol.Name, err)
			}
			c.trace(false, b[:headerSize+len(body)], "", nil)
			if err := f(h, body); err != nil {
				return err
			}
			b = rest
		}
	}
}
