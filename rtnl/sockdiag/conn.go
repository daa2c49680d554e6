package sockdiag

import (
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// Protocol is NETLINK_SOCK_DIAG, of which this package knows the sockets of IPv4 and IPv6. A question and its answers have one number.
var Protocol = &wire.Protocol{
	Name: "NETLINK_SOCK_DIAG", Family: unix.NETLINK_SOCK_DIAG,
	Lookup: func(typ uint16) *wire.Info { return wire.Find(typ, answer.Info()) },
	Asked:  func(typ uint16) *wire.Info { return wire.Find(typ, question.Info()) },
}

// A Conn is a socket that asks about the network namespace that it was dialled in. It needs no privileges.
type Conn struct{ wire *wire.Conn }

// Dial opens a socket in the calling thread's network namespace. Of the config, Protocol is set by Dial.
func Dial(config wire.Config) (*Conn, error) {
	config.Protocol = Protocol
	c, err := wire.Dial(config)
	if err != nil {
		return nil, err
	}
	return &Conn{c}, nil
}

// Close closes the socket.
func (c *Conn) Close() error { return c.wire.Close() }
