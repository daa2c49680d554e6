package rtnl

import (
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// Protocol is rtnetlink and the message types that this package knows.
var Protocol = &wire.Protocol{Name: "NETLINK_ROUTE", Family: unix.NETLINK_ROUTE, Lookup: lookup}

// A Conn is an rtnetlink socket. It stays in the network namespace that it was dialled in.
type Conn struct {
	*wire.Conn
}

// Dial opens a socket in the calling thread's network namespace. Of the config, Protocol is set by Dial.
func Dial(config wire.Config) (*Conn, error) {
	config.Protocol = Protocol
	c, err := wire.Dial(config)
	if err != nil {
		return nil, err
	}
	return &Conn{c}, nil
}

// lookup finds a message type by its number.
func lookup(typ uint16) (wire.Info, bool) {
	switch typ {
	case unix.RTM_NEWLINK:
		return newLink.Info(), true
	case unix.RTM_DELLINK:
		return delLink.Info(), true
	case unix.RTM_GETLINK:
		return getLink.Info(), true
	case unix.RTM_SETLINK:
		return setLink.Info(), true
	case unix.RTM_NEWLINKPROP:
		return newLinkProp.Info(), true
	case unix.RTM_DELLINKPROP:
		return delLinkProp.Info(), true
	case unix.RTM_NEWADDR:
		return newAddr.Info(), true
	case unix.RTM_DELADDR:
		return delAddr.Info(), true
	case unix.RTM_GETADDR:
		return getAddr.Info(), true
	case unix.RTM_NEWROUTE:
		return newRoute.Info(), true
	case unix.RTM_DELROUTE:
		return delRoute.Info(), true
	case unix.RTM_GETROUTE:
		return getRoute.Info(), true
	case unix.RTM_NEWNEIGH:
		return newNeigh.Info(), true
	case unix.RTM_DELNEIGH:
		return delNeigh.Info(), true
	case unix.RTM_GETNEIGH:
		return getNeigh.Info(), true
	case unix.RTM_NEWRULE:
		return newRule.Info(), true
	case unix.RTM_DELRULE:
		return delRule.Info(), true
	case unix.RTM_GETRULE:
		return getRule.Info(), true
	case unix.RTM_NEWNETCONF:
		return newNetconf.Info(), true
	case unix.RTM_GETNETCONF:
		return getNetconf.Info(), true
	}
	return wire.Info{}, false
}
