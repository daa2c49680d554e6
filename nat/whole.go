package nat

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// IsWhole reports whether plumb's table is there with all its chains and rules, as far as their numbers tell: what somebody has flushed in
// part is not.
func (c *Conn) IsWhole() (bool, error) {
	list, err := dump(c, getRule.New(0, &Rule{Header: inet, Table: TableName}, "list the rules of table "+TableName), &newRule)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("see whether table inet %s is whole: %w", TableName, err)
	}
	return len(list) == len(rules()), nil
}

// Holds reports whether the table holds all of an attachment, as far as it can be told by a few questions: of a range of ports it asks for the
// first and the last.
func (c *Conn) Holds(a *Attachment) (bool, error) {
	for _, p := range a.places() {
		known, err := c.knows(0, p, a.Network)
		if err != nil || !known {
			return false, ignoreNetwork(err)
		}
		known, err = c.has(p.within, square(p.Subnet))
		if err != nil || !known {
			return false, err
		}
	}
	var subnets []netip.Prefix
	for _, p := range a.places() {
		subnets = append(subnets, p.Subnet)
	}
	for _, r := range a.plan(subnets).lists {
		for _, e := range []Element{r.Elements[0], r.Elements[len(r.Elements)-1]} {
			if has, err := c.has(r.Set, Element{Key: e.Key}); err != nil || !has {
				return false, err
			}
		}
	}
	return true, nil
}

// ignoreNetwork makes no error of a subnet that is another network's: the attachment's is then not there.
func ignoreNetwork(err error) error {
	if errors.As(err, new(*NetworkError)) {
		return nil
	}
	return err
}

// has reports whether a set has an element.
func (c *Conn) has(set string, e Element) (bool, error) {
	_, err := c.Element(NFPROTO_INET, TableName, set, e)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	return err == nil, err
}

// Rebuild makes plumb's table anew, with these attachments and records, in one batch: nothing passes in between that the rules would not let pass.
// Whoever changes a ruleset meanwhile makes it ErrStale; the caller has got genID before it looked.
func (c *Conn) Rebuild(genID uint32, as []*Attachment, records []Record) error {
	var requests []wire.Request
	if _, err := c.Table(NFPROTO_INET, TableName); err == nil {
		requests = append(requests, DelTable(&Table{Header: inet, Name: TableName}))
	} else if !errors.Is(err, unix.ENOENT) {
		return err
	}
	requests = append(requests, createRequests()...)
	for _, a := range as {
		if err := a.check(); err != nil {
			return err
		}
		requests = append(requests, a.plan(nil).requests...)
	}
	requests = append(requests, recordRequests(records)...)
	c.known.forget()
	if err := c.BatchAt(genID, requests...); err != nil {
		return fmt.Errorf("make table inet %s anew: %w", TableName, err)
	}
	return nil
}
