package rtnl

import (
	"sync/atomic"

	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// Protocol is rtnetlink and the message types that this package knows.
var Protocol = &wire.Protocol{Name: "NETLINK_ROUTE", Family: unix.NETLINK_ROUTE, Lookup: lookup, Asked: words.Asked, Look: look}

// A Conn is an rtnetlink socket. It stays in the network namespace that it was dialled in.
type Conn struct {
	*wire.Conn
	keepsNames atomic.Bool // the kernel is known to keep the names that it has given before it stops at one: see AddAltNamesQuietly
}

// Dial opens a socket in the calling thread's network namespace. Of the config, Protocol is set by Dial.
func Dial(config wire.Config) (*Conn, error) {
	config.Protocol = Protocol
	c, err := wire.Dial(config)
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: c}, nil
}

// lookup finds a message type by its number.
func lookup(typ uint16) *wire.Info {
	info := wire.Find(typ,
		newLink.Info(), delLink.Info(), getLink.Info(), setLink.Info(), newLinkProp.Info(), delLinkProp.Info(),
		newAddr.Info(), delAddr.Info(), getAddr.Info(),
		newRoute.Info(), delRoute.Info(), getRoute.Info(),
		newNeigh.Info(), delNeigh.Info(), getNeigh.Info(),
		newRule.Info(), delRule.Info(), getRule.Info(),
		newNetconf.Info(), getNetconf.Info(),
		newQdisc.Info(), delQdisc.Info(), getQdisc.Info(),
	)
	if info == nil {
		info = words.Message(typ)
	}
	return info
}
