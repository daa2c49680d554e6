package headers

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"plumb/rtnl/wire"
)

// Compare fails the test for each name of the dictionary whose number is another in the headers; for each that the
// headers do not have, unless they are older than it: then it comes after all that they have of its block; and for each
// name of an enum of the headers of which the dictionary has another name, or none at all, and does not have it. except
// holds prefixes of names, and why they are passed over.
func Compare(t *testing.T, d *wire.Dictionary, h *Headers, except map[string]string) {
	t.Helper()
	all, wrong := d.Entries()
	slices.Sort(wrong)
	for _, w := range wrong {
		t.Error(w)
	}
	used := map[string]bool{}
	excepted := func(name string) (is bool) {
		for prefix := range except { // all of them: one can begin as another does
			if strings.HasPrefix(name, prefix) {
				used[prefix], is = true, true
			}
		}
		return is
	}
	has := map[string]bool{}
	newest, there := map[string]uint64{}, map[string]bool{} // by block
	for _, e := range all {
		has[e.Name] = true
		if _, ok := h.Value[e.Name]; ok && !excepted(e.Name) {
			newest[e.Block], there[e.Block] = max(newest[e.Block], e.Number), true
		}
	}
	compared := 0
	for _, e := range all {
		v, ok := h.Value[e.Name]
		switch {
		case excepted(e.Name):
		case !ok && (!there[e.Block] || e.Number <= newest[e.Block]):
			t.Errorf("%s has %s = %d, which no header has", e.Block, e.Name, e.Number)
		case ok && uint64(v) != e.Number && !isBit(h, e.Name, v, e.Number):
			t.Errorf("%s has %s = %d, and the header %d", e.Block, e.Name, e.Number, v)
		case ok:
			compared++
		}
	}
	t.Logf("%d names, %d of them compared with the headers", len(all), compared)
	for _, enum := range h.Enums {
		for _, name := range enum.Names {
			if !has[name] && !bound(name) && !excepted(name) && !alias(h, enum, has, name) {
				t.Errorf("%s has %s, and no dictionary", enum.File, name)
			}
		}
	}
	for _, prefix := range slices.Sorted(maps.Keys(except)) {
		if !used[prefix] {
			t.Errorf("nothing begins with %s: it is no exception any more", prefix)
		}
	}
}

// isBit reports whether a header numbers the bit that the dictionary has as a word: BR_BOOLOPT_MST_ENABLE.
func isBit(h *Headers, name string, v int64, number uint64) bool {
	return strings.HasPrefix(name, "BR_BOOLOPT_") && uint64(1)<<v == number
}

// bound reports whether a name is no value but says where an enum begins or ends.
func bound(name string) bool {
	for _, end := range []string{"_UNSPEC", "_MAX", "_BASE", "_CNT", "_END", "_NONE", "_NUM", "_NUMHOOKS", "_MASK"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return strings.HasPrefix(name, "_") || strings.HasPrefix(name, "NUM_")
}

// alias reports whether the enum has another name for the same number, which the dictionary has.
func alias(h *Headers, e Enum, has map[string]bool, name string) bool {
	for _, other := range e.Names {
		if other != name && h.Value[other] == h.Value[name] && has[other] {
			return true
		}
	}
	return false
}
