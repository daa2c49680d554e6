package rtnl

import (
	"reflect"
	"testing"

	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// fuzzTable wants of any bytes that they can be shown, and that what was decoded of them stays the same when it is
// encoded and decoded again.
func fuzzTable[T any](f *testing.F, table *wire.Table[*T]) {
	var seed T
	fill := filler(0)
	fill.fill(reflect.ValueOf(&seed).Elem())
	b, err := table.Encode(&seed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(fixed(f, table))
	f.Fuzz(func(t *testing.T, b []byte) {
		table.Show(b)
		var first, second T
		if table.Decode(b, &first) != nil {
			return
		}
		again, err := table.Encode(&first)
		if err != nil {
			return // longer than it was: 64 KiB of sysctls as an array
		}
		if err := table.Decode(again, &second); err != nil {
			t.Fatalf("%x was decoded, and not what that encodes to, %x: %v", b, again, err)
		}
		if !reflect.DeepEqual(first, second) {
			t.Fatalf("%x: decoded %+v, and then %+v", b, first, second)
		}
	})
}

func FuzzLink(f *testing.F)    { fuzzTable(f, &linkTable) }
func FuzzAddr(f *testing.F)    { fuzzTable(f, &addrTable) }
func FuzzRoute(f *testing.F)   { fuzzTable(f, &routeTable) }
func FuzzNeigh(f *testing.F)   { fuzzTable(f, &neighTable) }
func FuzzRule(f *testing.F)    { fuzzTable(f, &ruleTable) }
func FuzzNetconf(f *testing.F) { fuzzTable(f, &netconfTable) }
func FuzzQdisc(f *testing.F)   { fuzzTable(f, &qdiscTable) }
func FuzzTBF(f *testing.F)     { fuzzTable(f, &tbfTable) }

// FuzzEvent wants of any notification that it is one object, or an error.
func FuzzEvent(f *testing.F) {
	for _, typ := range []uint16{unix.RTM_NEWLINK, unix.RTM_DELADDR, unix.RTM_NEWROUTE, unix.RTM_NEWNEIGH, unix.RTM_DELRULE, 0} {
		f.Add(typ, make([]byte, 20))
	}
	f.Fuzz(func(t *testing.T, typ uint16, body []byte) {
		e, err := parseEvent(typ, body)
		objects := 0
		for _, there := range []bool{e.Link != nil, e.Addr != nil, e.Route != nil, e.Neigh != nil, e.Rule != nil} {
			if there {
				objects++
			}
		}
		if err == nil && objects > 1 || objects == 1 && lookup(typ) == nil {
			t.Errorf("type %d: %+v", typ, e)
		}
	})
}
