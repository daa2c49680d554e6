package compare

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// setOf makes a set of words: "type:about:value" is a request with an attribute.
func setOf(words string) *Set {
	s := &Set{}
	for word := range strings.FieldsSeq(words) {
		parts := strings.Split(word+"::", ":")
		s.Requests = append(s.Requests, Request{Type: parts[0], What: parts[1], Attributes: []Attribute{{"value", parts[2]}}})
	}
	return s
}

// show prints differences as such words: -only in a, +only in b, ~changed, ^moved.
func show(list []Difference) string {
	var words []string
	for _, d := range list {
		mark, r := "~", d.B
		switch {
		case d.B == nil:
			mark, r = "-", d.A
		case d.A == nil:
			mark = "+"
		case len(d.Changed) == 0:
			mark = "^"
		case d.Moved:
			mark = "^~"
		}
		word := mark + r.Type + ":" + r.What
		for _, c := range d.Changed {
			word += fmt.Sprintf(":%s>%s", *c.A, *c.B)
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ a, b, want string }{
		{"", "", ""},
		{"link:x:1 addr:x:2", "link:x:1 addr:x:2", ""},
		{"link:x:1", "", "-link:x"},
		{"", "link:x:1", "+link:x"},
		{"link:x:1", "link:y:1", "-link:x +link:y"},
		{"link:x:1", "link:x:2", "~link:x:1>2"},
		{"rule:c:1 rule:c:2 rule:c:3", "rule:c:1 rule:c:9 rule:c:2 rule:c:3", "+rule:c"},
		{"rule:c:1 rule:c:9 rule:c:2 rule:c:3", "rule:c:1 rule:c:2 rule:c:4", "-rule:c ~rule:c:3>4"},
		{"link:x:1 addr:x:2", "addr:x:2 link:x:1", "^link:x"},
		{"link:x:1 addr:x:2 up:x:1", "addr:x:3 link:x:1 up:x:1", "^~addr:x:2>3"},
	} {
		list, err := Compare(setOf(test.a), setOf(test.b))
		if got := show(list); got != test.want || err != nil {
			t.Errorf("%s\nand %s:\ngot %s, %v, want %s", test.a, test.b, got, err, test.want)
		}
	}
}

func TestCompareTooMany(t *testing.T) {
	t.Parallel()
	a, b := &Set{}, &Set{}
	for i := range 5000 {
		a.Requests = append(a.Requests, Request{Type: fmt.Sprint("a", i)})
		b.Requests = append(b.Requests, Request{Type: fmt.Sprint("b", i)})
	}
	if _, err := Compare(a, b); err != ErrTooMany {
		t.Errorf("got %v", err)
	}
	if list, err := Compare(a, a); len(list) > 0 || err != nil { // what is the same takes nothing
		t.Errorf("got %d differences, %v", len(list), err)
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	n := &names{links: map[linkID]string{{"host", "7"}: "eth7"}, anybody: map[string]string{"7": "eth7", "993344133": "pl-web"}}
	for _, test := range []struct{ name, value, want string }{
		{"ifi_index", "7", "eth7"},
		{"ifi_index", "0", "0"},
		{"RTA_OIF", "8", "(link 1)"},
		{"IFLA_MASTER", "8", "(link 1)"},
		{"IFLA_LINK", "9", "(link 2)"},
		{"IFLA_ADDRESS", "f6:ff:c4:2e:0c:26", "(address 1)"},
		{"IFLA_ADDRESS", "00:16:3e:00:00:01", "00:16:3e:00:00:01"},
		{"IFLA_MTU", "1500", "1500"},
		{"NFTA_SET_ELEM_USERDATA", `0:"web if 993344133 at 1592.743"`, `0:"web if pl-web at (time)"`},
		{"IFLA_IFALIAS", `"plumb web 10.0.0.2/24 at=1592.998 ns=4026534480"`, `"plumb web 10.0.0.2/24 at=(time) ns=(number 1)"`},
	} {
		if got := n.value("host", test.name, test.value); got != test.want {
			t.Errorf("%s %s: got %s, want %s", test.name, test.value, got, test.want)
		}
	}
}

// Whatever the requests are, each stands in one pair, in the order of its side, and what is the same differs in nothing.
func FuzzCompare(f *testing.F) {
	f.Add("link:x:1 addr:x:2", "addr:x:2 link:x:1 up:x")
	f.Fuzz(func(t *testing.T, a, b string) {
		as, bs := setOf(a), setOf(b)
		if len(as.Requests) > 200 || len(bs.Requests) > 200 {
			return
		}
		if list, err := Compare(as, as); len(list) > 0 || err != nil {
			t.Fatalf("%q and itself: %s, %v", a, show(list), err)
		}
		list, err := Compare(as, bs)
		if err != nil {
			t.Fatal(err)
		}
		onlyA, onlyB := 0, 0
		for _, d := range list {
			switch {
			case d.B == nil:
				onlyA++
			case d.A == nil:
				onlyB++
			}
		}
		if len(as.Requests)-onlyA != len(bs.Requests)-onlyB {
			t.Errorf("%q and %q: %s", a, b, show(list))
		}
		back, err := Compare(bs, as)
		if err != nil || (len(back) == 0) != (len(list) == 0) {
			t.Errorf("the other way round: %s, %v", cmp.Diff(show(list), show(back)), err)
		}
	})
}
