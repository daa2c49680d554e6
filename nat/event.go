package nat

import (
	"context"
	"fmt"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// Whoever subscribes is told of every commit in the namespace, whoever's: one message for each thing that is new or gone, and one at
// the end for the generation (nf_tables_commit_notify, net/netfilter/nf_tables_api.c). With a thousand subscribers each commit is
// told a thousand times, so of a message no more is read than which thing it is about.

// An Event is one thing that is new, changed or, with Deleted, gone.
type Event struct {
	Kind    Kind
	Deleted bool
	Family  Family
	Table   string // its name; "" for a Generation
	Name    string // of the chain or set, or of what a rule or elements are in; "" for a Table and a Generation
}

// A Kind is what an Event is about.
type Kind uint8

// The kinds. One of KindOther is an object or a flowtable.
const (
	KindOther Kind = iota
	KindTable
	KindChain
	KindRule
	KindSet
	KindElements
	KindGeneration // the end of a commit
)

func (k Kind) String() string {
	return nameOf(int64(k), []string{"other", "table", "chain", "rule", "set", "elements", "generation"})
}

// String is such as "-elements inet plumb lease4".
func (e Event) String() string {
	sign := "+"
	if e.Deleted {
		sign = "-"
	}
	return strings.TrimRight(sign+e.Kind.String()+" "+e.Family.String()+" "+e.Table+" "+e.Name, " ")
}

// Subscribe makes the Conn, which is from then on for Events alone, receive what happens to the namespace's rulesets. What happens
// after it returns is not missed by Events.
func (c *Conn) Subscribe() error { return c.wire.Join(unix.NFNLGRP_NFTABLES) }

// Events calls f with each event, until f returns an error, which Events returns, or ctx is done. An error that is ENOBUFS means
// that events were lost, in a burst larger than the receive buffer (208 KiB by default: a few hundred commits): look at
// everything anew, and call Events again. Nothing that happens after Events has returned is missed.
func (c *Conn) Events(ctx context.Context, f func(Event) error) error {
	return c.wire.Listen(ctx, func(h netlink.Header, body []byte) error {
		e, ok, err := parseEvent(uint16(h.Type), body)
		if err != nil || !ok {
			return err
		}
		return f(e)
	})
}

// parseEvent reads a notification; ok is false for one that tells of no change: a trace, or another subsystem's.
func parseEvent(typ uint16, body []byte) (e Event, ok bool, err error) {
	if typ&0xff00 != subsystem {
		return e, false, nil
	}
	e.Kind, e.Deleted, ok = kindOf(typ & 0xff)
	if !ok {
		return e, false, nil
	}
	var names eventNames
	table := &eventTable
	if e.Kind == KindChain {
		table = &chainEventTable
	}
	if err := table.Decode(body, &names); err != nil {
		return Event{}, false, fmt.Errorf("decode a notification: %w", err)
	}
	e.Family = names.Family
	switch e.Kind {
	case KindGeneration:
	case KindTable:
		e.Table = names.table
	default:
		e.Table, e.Name = names.table, names.name
	}
	return e, true, nil
}

// kindOf is what a message type of nftables is about, if it is one of those that tell of a change.
func kindOf(typ uint16) (k Kind, deleted, ok bool) {
	switch typ {
	case unix.NFT_MSG_NEWTABLE:
		return KindTable, false, true
	case unix.NFT_MSG_DELTABLE, nftMsgDestroyTable:
		return KindTable, true, true
	case unix.NFT_MSG_NEWCHAIN:
		return KindChain, false, true
	case unix.NFT_MSG_DELCHAIN, nftMsgDestroyChain:
		return KindChain, true, true
	case unix.NFT_MSG_NEWRULE:
		return KindRule, false, true
	case unix.NFT_MSG_DELRULE, nftMsgDestroyRule:
		return KindRule, true, true
	case unix.NFT_MSG_NEWSET:
		return KindSet, false, true
	case unix.NFT_MSG_DELSET, nftMsgDestroySet:
		return KindSet, true, true
	case unix.NFT_MSG_NEWSETELEM:
		return KindElements, false, true
	case unix.NFT_MSG_DELSETELEM, nftMsgDestroySetElem:
		return KindElements, true, true
	case unix.NFT_MSG_NEWGEN:
		return KindGeneration, false, true
	case unix.NFT_MSG_NEWOBJ, unix.NFT_MSG_NEWFLOWTABLE:
		return KindOther, false, true
	case unix.NFT_MSG_DELOBJ, unix.NFT_MSG_DELFLOWTABLE, nftMsgDestroyObj, nftMsgDestroyFlowtable:
		return KindOther, true, true
	}
	return KindOther, false, false
}

// eventNames are the names in a message. No other attribute is looked into.
type eventNames struct {
	Header
	table, name string
}

var eventTable = wire.Table[*eventNames]{Rows: func(n *eventNames) wire.Rows {
	return wire.Of(n,
		headerRows(&n.Header),
		wire.String(1, "NFTA_*_TABLE", &n.table), // NFTA_TABLE_NAME too
		wire.String(2, "NFTA_*_NAME", &n.name),   // NFTA_RULE_CHAIN, NFTA_SET_ELEM_LIST_SET,
	)
}}

// In a chain the name comes after the handle.
var chainEventTable = wire.Table[*eventNames]{Rows: func(n *eventNames) wire.Rows {
	return wire.Of(n,
		headerRows(&n.Header),
		wire.String(unix.NFTA_CHAIN_TABLE, "NFTA_CHAIN_TABLE", &n.table),
		wire.String(unix.NFTA_CHAIN_NAME, "NFTA_CHAIN_NAME", &n.name),
	)
}}

// What removes a thing if it is there (Linux 6.3), and is told of under this name: enum nf_tables_msg_types. x/sys/unix does not have
// them.
const (
	nftMsgDestroyTable     = 0x1a
	nftMsgDestroyChain     = 0x1b
	nftMsgDestroyRule      = 0x1c
	nftMsgDestroySet       = 0x1d
	nftMsgDestroySetElem   = 0x1e
	nftMsgDestroyObj       = 0x1f
	nftMsgDestroyFlowtable = 0x20
)

var (
	destroyTable     = wire.Message[Table]{Type: subsystem | nftMsgDestroyTable, Name: "NFT_MSG_DESTROYTABLE", Body: &tableTable}
	destroyChain     = wire.Message[Chain]{Type: subsystem | nftMsgDestroyChain, Name: "NFT_MSG_DESTROYCHAIN", Body: &chainTable}
	destroyRule      = wire.Message[Rule]{Type: subsystem | nftMsgDestroyRule, Name: "NFT_MSG_DESTROYRULE", Body: &ruleTable}
	destroySet       = wire.Message[Set]{Type: subsystem | nftMsgDestroySet, Name: "NFT_MSG_DESTROYSET", Body: &setTable}
	destroySetElem   = wire.Message[ElementList]{Type: subsystem | nftMsgDestroySetElem, Name: "NFT_MSG_DESTROYSETELEM", Body: &elementListTable}
	destroyObject    = wire.Message[Object]{Type: subsystem | nftMsgDestroyObj, Name: "NFT_MSG_DESTROYOBJ", Body: &objectTable}
	destroyFlowtable = wire.Message[Flowtable]{Type: subsystem | nftMsgDestroyFlowtable, Name: "NFT_MSG_DESTROYFLOWTABLE", Body: &flowtableTable}
)
