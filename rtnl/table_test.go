package rtnl

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"testing"

	"plumb/rtnl/wire"
)

// A filler gives every field of a struct a value of its own, so that one which no row of the table knows is lost in a
// round trip.
type filler int

func (f *filler) next() int { *f++; return int(*f)%100 + 1 }

func (f *filler) fill(v reflect.Value) {
	switch p := v.Addr().Interface().(type) {
	case *netip.Addr:
		*p = netip.AddrFrom4([4]byte{10, 0, 0, byte(f.next())})
		return
	case *[]wire.Attr:
		*p = []wire.Attr{{Type: 4000, Data: []byte{byte(f.next()), 2, 3}}, {Type: 4001, Nested: true, Data: []byte{}}}
		return
	case *LinkInfo:
		*p = LinkInfo{Kind: "veth", Data: &Veth{Peer: &Link{Index: uint32(f.next())}}, Rest: []wire.Attr{{Type: 4000, Data: []byte{1}}}}
		return
	}
	switch v.Kind() {
	case reflect.Interface: // what only a kind has, where the kind's name has a value of its own and so is not known
		v.Set(reflect.ValueOf(wire.Raw{byte(f.next()), 2, 3, 4}))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				f.fill(v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 4, 4))
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("s%d", f.next()))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(f.next()))
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(-int64(f.next()))
	default:
		panic("no value for a " + v.Type().String())
	}
}

// testTable checks what must hold of every table.
func testTable[T any](t *testing.T, table *wire.Table[*T]) {
	var want T
	f := filler(0)
	f.fill(reflect.ValueOf(&want).Elem())
	b, err := table.Encode(&want)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("every field survives", func(t *testing.T) {
		var got T
		if err := table.Decode(b, &got); err != nil {
			t.Fatal(err)
		}
		w, g := reflect.ValueOf(want), reflect.ValueOf(got)
		for i := range w.NumField() {
			if name := w.Type().Field(i).Name; !reflect.DeepEqual(w.Field(i).Interface(), g.Field(i).Interface()) {
				t.Errorf("%s: %+v was sent and %+v received", name, w.Field(i), g.Field(i))
			}
		}
	})
	t.Run("truncation", func(t *testing.T) {
		for n := range b {
			var got T
			if err := table.Decode(b[:n], &got); err != nil && !errors.Is(err, wire.ErrTruncated) {
				t.Errorf("the first %d of %d bytes: %v is not ErrTruncated", n, len(b), err)
			}
			table.Show(b[:n])
		}
	})
	t.Run("any attribute can be shown", func(t *testing.T) {
		for typ := range uint16(80) {
			for _, data := range [][]byte{nil, {0}, {1, 2}, {1, 2, 3}, {1, 2, 3, 4}, make([]byte, 8), make([]byte, 100)} {
				table.Show(append(fixed(t, table), attribute(t, typ, data)...))
			}
		}
	})
}

// fixed is the zero struct of a table, without attributes, padded.
func fixed[T any](t testing.TB, table *wire.Table[*T]) []byte {
	b, err := table.Encode(new(T))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func attribute(t testing.TB, typ uint16, data []byte) []byte {
	type any struct{ attrs []wire.Attr }
	table := wire.Table[*any]{Rows: func(v *any) wire.Rows { return wire.Of(v, wire.Unknown(&v.attrs, wire.Group{})) }}
	b, err := table.Encode(&any{[]wire.Attr{{Type: typ, Data: data}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTables(t *testing.T) {
	t.Parallel()
	t.Run("link", func(t *testing.T) { testTable(t, &linkTable) })
	t.Run("addr", func(t *testing.T) { testTable(t, &addrTable) })
	t.Run("route", func(t *testing.T) { testTable(t, &routeTable) })
	t.Run("neigh", func(t *testing.T) { testTable(t, &neighTable) })
	t.Run("rule", func(t *testing.T) { testTable(t, &ruleTable) })
	t.Run("netconf", func(t *testing.T) { testTable(t, &netconfTable) })
	t.Run("qdisc", func(t *testing.T) { testTable(t, &qdiscTable) })
	t.Run("tbf", func(t *testing.T) { testTable(t, &tbfTable) })
}

// An attribute that has only a name is kept and sent again.
func TestToldAttributeSurvives(t *testing.T) {
	t.Parallel()
	want := &Link{Unrecognised: []wire.Attr{{Type: iflaHeadroom, Data: []byte{1, 0}}, {Type: 4000, Data: []byte{}}}}
	b, err := linkTable.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Link
	if err := linkTable.Decode(b, &got); err != nil || !reflect.DeepEqual(want, &got) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

// A kind of link that is not known has its data kept raw.
func TestUnknownKindSurvives(t *testing.T) {
	t.Parallel()
	want := &Link{Info: &LinkInfo{Kind: "bridge", Data: wire.Raw{8, 0, 1, 0, 5, 0, 0, 0}}}
	b, err := linkTable.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Link
	if err := linkTable.Decode(b, &got); err != nil || !reflect.DeepEqual(want, &got) {
		t.Errorf("%+v, %v; want %+v", got.Info, err, want.Info)
	}
}

// The kernel's own form of IFLA_INET_CONF is an array, whose first number is that of sysctl 1.
func TestDevConfArray(t *testing.T) {
	t.Parallel()
	data := make([]byte, 33*4)
	copy(data[(26-1)*4:], attribute(t, 1, nil)[2:4]) // a 1 in the host's byte order, in the upper or lower half
	var conf DevConf
	if err := getDevConf(&conf, wire.Attr{Data: data}); err != nil {
		t.Fatal(err)
	}
	if v, ok := conf.Value(ConfRouteLocalnet); !ok || v == 0 {
		t.Errorf("route_localnet is %d, %v", v, ok)
	}
	if v, ok := conf.Value(ConfForwarding); !ok || v != 0 {
		t.Errorf("forwarding is %d, %v", v, ok)
	}
	if _, ok := conf.Value(34); ok {
		t.Error("there is a value that was not told")
	}
	if _, ok := DevConf6(data).Value(33); ok {
		t.Error("there is an IPv6 value that was not told")
	}
}
