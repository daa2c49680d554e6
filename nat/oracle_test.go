package nat_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	. "plumb/nat"
	"plumb/test/lab"
)

// nft carries the script out in one namespace, plumb attaches in another: the kernel then has the same in both.
func TestNftMakesTheSame(t *testing.T) {
	t.Parallel()
	theirs, ours := lab.NewNS(t), lab.NewNS(t)
	file := filepath.Join(t.TempDir(), "script.nft")
	if err := os.WriteFile(file, []byte(script+attachScript), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, theirs, "nft", "-f", file)
	c := dialIn(t, ours)
	if _, err := c.Attach(both()); err != nil {
		t.Fatal(err)
	}
	want, got := readAll(t, dialIn(t, theirs)), readAll(t, c)
	if diff := cmp.Diff(want, got, sameObjects); diff != "" {
		t.Errorf("the kernel has another ruleset of plumb than of nft (-nft +plumb):\n%s", diff)
	}
	if want, got := normalJSON(t, run(t, theirs, "nft", "-j", "list", "ruleset")), normalJSON(t, run(t, ours, "nft", "-j", "list", "ruleset")); want != got {
		t.Errorf("nft -j lists another ruleset of plumb than its own (-nft +plumb):\n%s", cmp.Diff(want, got))
	}
}

// sameObjects leaves out what the kernel numbers, and what nft writes into a set's user data beyond what it needs to print
// it (the types of a concatenation's parts).
var sameObjects = cmp.Options{
	cmpopts.IgnoreFields(Header{}, "ResourceID"),
	cmpopts.IgnoreFields(Table{}, "Handle", "Unknown"),
	cmpopts.IgnoreFields(Chain{}, "Handle", "Unknown"),
	cmpopts.IgnoreFields(Rule{}, "Handle", "Position", "Unknown"),
	cmpopts.IgnoreFields(Set{}, "Handle", "UserData", "Unknown"),
	cmpopts.SortSlices(func(a, b Element) bool { return string(a.Key.Value) < string(b.Key.Value) }),
	// nft begins a set of intervals with the end of what is before the first.
	cmpopts.IgnoreSliceElements(func(e Element) bool {
		return e.Flags&NFT_SET_ELEM_INTERVAL_END != 0 && strings.Trim(string(e.Key.Value), "\x00") == ""
	}),
}

// A ruleset is all that the kernel has.
type ruleset struct {
	Tables   []Table
	Chains   []Chain
	Rules    []Rule
	Sets     []Set
	Elements map[string][]Element
}

func readAll(t *testing.T, c *Conn) ruleset {
	t.Helper()
	var all ruleset
	var err error
	check := func() {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	all.Tables, err = c.Tables(NFPROTO_UNSPEC)
	check()
	all.Chains, err = c.Chains(NFPROTO_INET)
	check()
	for _, chain := range all.Chains {
		rules, err := c.Rules(NFPROTO_INET, TableName, chain.Name)
		if err != nil {
			t.Fatal(err)
		}
		all.Rules = append(all.Rules, rules...)
	}
	all.Sets, err = c.Sets(NFPROTO_INET, TableName)
	check()
	all.Elements = map[string][]Element{}
	for i, s := range all.Sets {
		all.Elements[s.Name], err = c.Elements(NFPROTO_INET, TableName, s.Name)
		check()
		if s.Name == "nets4" || s.Name == "nets6" {
			all.Sets[i].Count = nil // nft's has one element more, see sameObjects
		}
	}
	return all
}

// normalJSON is what nft -j prints, without handles.
func normalJSON(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	var strip func(v any)
	strip = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			delete(v, "handle")
			for _, inner := range v {
				strip(inner)
			}
		case []any:
			for _, inner := range v {
				strip(inner)
			}
		}
	}
	strip(v)
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
