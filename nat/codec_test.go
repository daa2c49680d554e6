package nat_test

import (
	"bytes"
	"errors"
	"net/netip"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	. "plumb/nat"
	"plumb/rtnl/wire"
)

// sameAddrs compares addresses with ==.
var sameAddrs = cmpopts.EquateComparable(netip.Addr{})

// Every field of every table is encoded, and decoded as it was; an attribute that nobody knows survives.
func TestEveryFieldGoesThere(t *testing.T) {
	t.Parallel()
	for _, body := range Bodies() {
		t.Run(body.Name, func(t *testing.T) {
			t.Parallel()
			b, want, err := body.Sample(func(v any) { fill(reflect.ValueOf(v).Elem(), 1) })
			if err != nil {
				t.Fatal(err)
			}
			again, got, err := body.Again(b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, sameAddrs); diff != "" {
				t.Errorf("decoded as another value (-want +got):\n%s", diff)
			}
			if !bytes.Equal(b, again) {
				t.Errorf("encoded again as\n%x, was\n%x", again, b)
			}
			for n := range b {
				if _, _, err := body.Again(b[:n]); err != nil && !errors.Is(err, wire.ErrTruncated) {
					t.Errorf("the first %d bytes: %v", n, err)
				}
			}
			unnamed(t, body.Show(b))
		})
	}
}

// fill sets every field of v to something that is not zero, one element of each list, down to the depth of expressions in a rule.
func fill(v reflect.Value, n int) {
	switch v.Interface().(type) {
	case []wire.Attr:
		v.Set(reflect.ValueOf([]wire.Attr{{Type: 999, Nested: true, Data: []byte{1, 2, 3}}}))
		return
	case Expr:
		v.Set(reflect.ValueOf(Exprs(&Meta{Dest: NFT_REG_1, Key: NFT_META_IIFGROUP})[0]))
		return
	case netip.Addr:
		v.Set(reflect.ValueOf(netip.AddrFrom4([4]byte{10, 0, 0, byte(n)})))
		return
	case Header:
		v.Set(reflect.ValueOf(Header{Family: NFPROTO_INET, Version: 1, ResourceID: 0x1234}))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n+i)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.String:
		v.SetString("name")
	default:
		if v.CanInt() {
			v.SetInt(int64(-n))
		} else {
			v.SetUint(uint64(n))
		}
	}
}

// unnamed reports attributes that have no name, other than the one that nobody knows.
func unnamed(t *testing.T, nodes []wire.Node) {
	t.Helper()
	for _, n := range nodes {
		if n.Name == "malformed" || n.Type != 999 && n.Header > 0 && len(n.Name) > 10 && n.Name[:10] == "attribute " {
			t.Errorf("%s is shown at %d", n.Name, n.Offset)
		}
		unnamed(t, n.Children)
	}
}

// What nobody has a table for is kept as it is.
func TestUnknownExpression(t *testing.T) {
	t.Parallel()
	r := &Rule{Table: "x", Chain: "y", Expressions: []Expr{{Name: "tomorrow", Data: wire.Raw{1, 2, 3, 4}}}}
	b, err := NewRule(r, 0).Encode(1)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range Bodies() {
		if body.Name != "rule" {
			continue
		}
		again, _, err := body.Again(b[16:])
		if err != nil || !bytes.Equal(again, b[16:]) {
			t.Errorf("encoded again as %x, %v; was %x", again, err, b[16:])
		}
	}
}

func TestWhatIsNoExpression(t *testing.T) {
	t.Parallel()
	if _, err := NewRule(&Rule{Expressions: Exprs(42)}, 0).Encode(1); err == nil {
		t.Error("42 was encoded as an expression")
	}
}

func FuzzDecode(f *testing.F) {
	bodies := Bodies()
	for i, body := range bodies {
		b, _, err := body.Sample(func(v any) { fill(reflect.ValueOf(v).Elem(), 1) })
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), b)
		f.Add(byte(i), b[:len(b)-3])
	}
	for _, m := range messages(f) { // rules and elements as plumb has them
		for i := range 7 {
			f.Add(byte(i), m.bytes[16:])
		}
	}
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		body := bodies[int(which)%len(bodies)]
		body.Show(b)
		again, first, err := body.Again(b)
		if first == nil {
			if !errors.Is(err, wire.ErrTruncated) {
				t.Errorf("%v is not ErrTruncated", err)
			}
			return
		}
		if err != nil {
			return // what came in a short attribute has no room in ours
		}
		_, second, err := body.Again(again)
		if err != nil {
			t.Fatalf("what was encoded cannot be decoded: %v", err)
		}
		if diff := cmp.Diff(first, second, sameAddrs); diff != "" {
			t.Errorf("decoded, encoded and decoded again it is another (-first +second):\n%s", diff)
		}
	})
}
