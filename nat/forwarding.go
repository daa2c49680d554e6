package nat

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// RecordForwarding records links whose forwarding is about to be switched on, for the last one out to switch it off again: a
// record that is there before the change outlives whoever is killed in between. The caller holds a lease, or there may be no table: unix.ENOENT.
// What is recorded already stays so.
func (c *Conn) RecordForwarding(links ...string) error {
	if len(links) == 0 {
		return nil
	}
	list := &ElementList{Header: inet, Table: TableName, Set: forwardSet}
	for _, l := range links {
		list.Elements = append(list.Elements, Element{Key: &Data{Value: IfName(l)}})
	}
	if err := c.Batch(NewElements(list, 0)); err != nil {
		return fmt.Errorf("record the forwarding of %q: %w", links, err)
	}
	return nil
}

// Forwarding returns the links that are recorded; none where plumb's table is not there.
func (c *Conn) Forwarding() ([]string, error) {
	elements, err := c.Elements(NFPROTO_INET, TableName, forwardSet)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	var links []string
	for _, e := range elements {
		if e.Key != nil {
			links = append(links, ifNameOf(e.Key.Value))
		}
	}
	return links, err
}
