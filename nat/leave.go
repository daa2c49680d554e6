package nat

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Leave removes the table if no address is leased, and reports whether it did. Before, it has forwarding put back what the
// table records; forwarding may be nil where there are no records.
//
// The order makes it safe with a newcomer, who first takes its lease and then looks at the forwarding: switched off is switched
// off before the table goes, and a newcomer whose lease comes after that sees it so and switches it on. One whose lease comes in
// between keeps the table (the batch is refused: EBUSY, or ErrStale), and Leave switches on again what the record, still there, says.
// Killed at any point, Leave has left the record or nothing to restore.
func (c *Conn) Leave(forwarding Switch) (removed bool, err error) {
	if leased, err := c.leased(); err == nil && leased {
		return false, nil // most often: nobody else's business is touched, and nothing more is asked
	}
	var off []Record // what has been put back here
	for range staleTries {
		gen, err := c.GenID()
		if err != nil {
			return false, err
		}
		leased, err := c.leased()
		if errors.Is(err, unix.ENOENT) {
			return false, nil // somebody else was the last
		}
		if err == nil && leased {
			return false, switchRecords(forwarding, off, true)
		}
		var records []Record
		if err == nil {
			records, err = c.Records()
		}
		if err == nil {
			off = records
			err = switchRecords(forwarding, records, false)
		}
		if err == nil {
			// With the generation id, so that nothing recorded meanwhile is forgotten with the table.
			err = c.BatchAt(gen, removeRequests()...)
		}
		switch {
		case err == nil:
			c.known.forget()
			return true, nil
		case errors.Is(err, ErrStale), errors.Is(err, unix.EBUSY), errors.Is(err, unix.ENOENT):
			continue
		}
		return false, fmt.Errorf("remove table inet %s: %w", TableName, err)
	}
	return false, errors.Join(fmt.Errorf("remove table inet %s: %w, %d times over", TableName, ErrStale, staleTries), switchRecords(forwarding, off, true))
}

func switchRecords(forwarding Switch, records []Record, on bool) error {
	if forwarding == nil || len(records) == 0 {
		return nil
	}
	if err := forwarding(records, on); err != nil {
		return fmt.Errorf("put the host's forwarding back: %w", err)
	}
	return nil
}

// fewLeases is up to how many leases are looked at one by one. The kernel's count takes in what is in a batch that has not been
// committed, and may yet be refused: who believes it would leave a table without a lease.
const fewLeases = 16

// leased reports whether any address is leased. The error is unix.ENOENT where plumb's table is not there.
func (c *Conn) leased() (bool, error) {
	for _, f := range []*ipFamily{&ipv4, &ipv6} {
		s, err := c.Set(NFPROTO_INET, TableName, f.lease)
		switch {
		case err != nil:
			return false, err
		case s.Count != nil && *s.Count == 0:
			continue
		case s.Count != nil && *s.Count > fewLeases:
			return true, nil
		}
		// Few, or a kernel before 6.17, which does not count.
		elements, err := c.Elements(NFPROTO_INET, TableName, f.lease)
		if err != nil || len(elements) > 0 {
			return len(elements) > 0, err
		}
	}
	return false, nil
}
