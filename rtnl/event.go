package rtnl

import (
	"context"
	"fmt"

	"plumb/rtnl/wire"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A Group is a multicast group of rtnetlink: enum rtnetlink_groups, linux/rtnetlink.h.
type Group uint32

// The groups whose messages this package decodes.
const (
	GroupLink      Group = unix.RTNLGRP_LINK
	GroupNeigh     Group = unix.RTNLGRP_NEIGH
	GroupIPv4Addr  Group = unix.RTNLGRP_IPV4_IFADDR
	GroupIPv4Route Group = unix.RTNLGRP_IPV4_ROUTE
	GroupIPv6Addr  Group = unix.RTNLGRP_IPV6_IFADDR
	GroupIPv6Route Group = unix.RTNLGRP_IPV6_ROUTE
	GroupIPv4Rule  Group = unix.RTNLGRP_IPV4_RULE
	GroupIPv6Rule  Group = unix.RTNLGRP_IPV6_RULE
)

// An Event is a change that the kernel tells of: the one of the five that is not nil is new or changed, or, with
// Deleted, gone.
type Event struct {
	Deleted bool
	Link    *Link
	Addr    *Addr
	Route   *Route
	Neigh   *Neigh
	Rule    *Rule
}

// Subscribe makes the Conn receive the events of the groups. What happens after it returns is not missed by Events.
func (c *Conn) Subscribe(groups ...Group) error {
	for _, g := range groups {
		if err := c.Join(uint32(g)); err != nil {
			return err
		}
	}
	return nil
}

// Events calls f with each event of the groups that were subscribed to, until f returns an error, which Events
// returns, or ctx is done. An error that is ENOBUFS means that events were lost: look at everything anew.
func (c *Conn) Events(ctx context.Context, f func(Event) error) error {
	return c.Listen(ctx, func(h netlink.Header, body []byte) error {
		e, err := parseEvent(uint16(h.Type), body)
		if err != nil || e == (Event{}) {
			return err
		}
		return f(e)
	})
}

// ParseEvent is an Event of a message that Listen has got.
func ParseEvent(h netlink.Header, body []byte) (Event, error) {
	return parseEvent(uint16(h.Type), body)
}

// parseEvent decodes a notification. One of a type that is not known gives the zero Event.
func parseEvent(typ uint16, body []byte) (e Event, err error) {
	switch typ {
	case unix.RTM_DELLINK, unix.RTM_DELADDR, unix.RTM_DELROUTE, unix.RTM_DELNEIGH, unix.RTM_DELRULE:
		e.Deleted = true
	}
	switch typ {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		e.Link, err = decode(&linkTable, body)
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		e.Addr, err = decode(&addrTable, body)
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		e.Route, err = decode(&routeTable, body)
	case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
		e.Neigh, err = decode(&neighTable, body)
	case unix.RTM_NEWRULE, unix.RTM_DELRULE:
		e.Rule, err = decode(&ruleTable, body)
	}
	return e, err
}

func decode[T any](t *wire.Table[*T], body []byte) (*T, error) {
	v := new(T)
	if err := t.Decode(body, v); err != nil {
		return nil, fmt.Errorf("decode a notification: %w", err)
	}
	return v, nil
}
