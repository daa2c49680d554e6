package nat

import (
	"fmt"
	"strings"

	"plumb/rtnl/wire"
)

// What plumb has changed of the host's forwarding stands in the sets forward4 and forward6, for the last one out to put it back: a record that
// is there before the change outlives whoever is killed in between.

// A Record is one change.
type Record struct {
	Link string // whose sysctls were changed, or a word with a slash in it, as no link's name has, for all links
	IPv6 bool
	Was  string // IPv6: what the sysctls were that are to be put back, "accept_ra=1 forwarding=1"; "" for the usual
}

// Record records changes that are about to be made. The caller holds a lease, or there may be no table: unix.ENOENT. What is recorded
// already stays so.
func (c *Conn) Record(records ...Record) error { return c.RecordAt(0, records...) }

// RecordAt is Record, provided that the generation id is still genID; otherwise the error wraps ErrStale. 0 is any.
func (c *Conn) RecordAt(genID uint32, records ...Record) error {
	if err := c.BatchAt(genID, recordRequests(records)...); err != nil {
		var names []string
		for _, r := range records {
			names = append(names, r.Link)
		}
		return fmt.Errorf("record the forwarding of %s: %w", strings.Join(names, ", "), err)
	}
	return nil
}

func recordRequests(records []Record) []wire.Request {
	var requests []wire.Request
	for _, f := range []*ipFamily{&ipv4, &ipv6} {
		list := &ElementList{Header: inet, Table: TableName, Set: f.forward}
		for _, r := range records {
			if r.IPv6 == (f == &ipv6) {
				list.Elements = append(list.Elements, r.element())
			}
		}
		if len(list.Elements) > 0 {
			requests = append(requests, NewElements(list, 0))
		}
	}
	return requests
}

func (r *Record) element() Element {
	return Element{Key: &Data{Value: IfName(r.Link)}, UserData: CommentData(r.Was)}
}

// Records returns what is recorded; nothing where plumb's table is not there.
func (c *Conn) Records() ([]Record, error) {
	v4, err := c.RecordsOf(false)
	if err != nil {
		return nil, err
	}
	v6, err := c.RecordsOf(true)
	return append(v4, v6...), err
}

// RecordsOf returns those of one family.
func (c *Conn) RecordsOf(v6 bool) ([]Record, error) {
	gen, err := c.GenID()
	if err != nil {
		return nil, err
	}
	return c.RecordsAt(gen, v6)
}

// RecordsAt is RecordsOf, for one who has just read the generation id.
func (c *Conn) RecordsAt(gen uint32, v6 bool) ([]Record, error) {
	f := &ipv4
	if v6 {
		f = &ipv6
	}
	elements, err := c.recall(gen, f.forward)
	var all []Record
	for _, e := range elements {
		if e.Key != nil {
			all = append(all, Record{ifNameOf(e.Key.Value), v6, e.UserData.Comment()})
		}
	}
	return all, err
}
