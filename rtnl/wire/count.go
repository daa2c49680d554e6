package wire

import "github.com/mdlayher/netlink"

// Count sends a request for several things, each of which is answered by a message of type m, and returns how many were
// answered. The kernel stops at the first that it refuses; the error is then an *Error, and the count that of those before.
func Count[T any](c *Conn, r Request, m *Message[T]) (int, error) { return c.count(r, m.Info()) }

func (c *Conn) count(r Request, want *Info) (n int, err error) {
	r.Flags |= netlink.Acknowledge // the end, where nothing is refused
	err = c.query(r, want, func([]byte) error {
		n++
		return nil
	})
	return n, err
}

// Tally makes of such a request one that stands among others in what Do sends. *n is raised by how many messages of type m answer it, and
// what the kernel then refuses is among what Do returns.
func Tally[T any](r Request, m *Message[T], n *int) Request {
	r.Flags |= netlink.Acknowledge
	r.want, r.tally = m.Info(), n
	return r
}
