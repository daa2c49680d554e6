package nat

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// To find the lowest free address all leases are read, of which only the keys matter. These tables decode nothing else: with a
// thousand leases that is most of an attach.

// A leaseKey is one element of a lease map, as far as it matters here.
type leaseKey struct{ key *keyAddr }

type keyAddr struct{ addr netip.Addr }

type leaseKeys struct {
	Header
	elements []leaseKey
}

var keyAddrTable = wire.Table[*keyAddr]{
	wire.IP(unix.NFTA_DATA_VALUE, "NFTA_DATA_VALUE", func(k *keyAddr) *netip.Addr { return &k.addr }),
}

var leaseKeyTable = wire.Table[*leaseKey]{
	wire.Nest(unix.NFTA_SET_ELEM_KEY, "NFTA_SET_ELEM_KEY", func(k *leaseKey) **keyAddr { return &k.key }, &keyAddrTable),
}

var leaseKeysTable = wire.Join(
	headerRows(func(l *leaseKeys) *Header { return &l.Header }),
	wire.Table[*leaseKeys]{
		wire.List(unix.NFTA_SET_ELEM_LIST_ELEMENTS, "NFTA_SET_ELEM_LIST_ELEMENTS", unix.NFTA_LIST_ELEM, "NFTA_LIST_ELEM",
			func(l *leaseKeys) *[]leaseKey { return &l.elements }, &leaseKeyTable),
	},
)

var newLeaseKeys = wire.Message[leaseKeys]{Type: newSetElem.Type, Name: newSetElem.Name, Body: &leaseKeysTable}

// A takenSet says which addresses are leased. With n leases the lowest free one is among the first n+1, and only those are
// told apart.
type takenSet struct {
	first netip.Addr
	taken []bool
}

// taken returns the leased addresses from first on; none where plumb's table is not there.
func (c *Conn) taken(first netip.Addr) (takenSet, error) {
	l := &ElementList{Header: inet, Table: TableName, Set: familyOf(first).lease}
	lists, err := dump(c, getSetElem.New(0, l, "list the leased addresses"), &newLeaseKeys)
	c.standing.Store(err == nil)
	if errors.Is(err, unix.ENOENT) {
		return takenSet{first: first}, nil
	}
	n := 0
	for i := range lists {
		n += len(lists[i].elements)
	}
	t := takenSet{first, make([]bool, n)}
	for i := range lists {
		for _, e := range lists[i].elements {
			if e.key == nil {
				continue
			}
			if at, ok := t.at(e.key.addr); ok {
				t.taken[at] = true
			}
		}
	}
	return t, err
}

func (t *takenSet) has(a netip.Addr) bool {
	at, ok := t.at(a)
	return ok && t.taken[at]
}

// at is where an address is in t.taken.
func (t *takenSet) at(a netip.Addr) (int, bool) {
	if !a.IsValid() || a.BitLen() != t.first.BitLen() || a.Less(t.first) {
		return 0, false
	}
	high, low := halves(a)
	firstHigh, firstLow := halves(t.first)
	if n := low - firstLow; (high == firstHigh || high == firstHigh+1 && low < firstLow) && n < uint64(len(t.taken)) {
		return int(n), true
	}
	return 0, false
}

// halves are the 128 bits of an address.
func halves(a netip.Addr) (high, low uint64) {
	b := a.As16()
	return binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
}
