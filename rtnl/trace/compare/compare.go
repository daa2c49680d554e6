package compare

import "errors"

// A Difference is a request that only one of two set-ups sends, or that both send and not alike.
type Difference struct {
	A, B    *Request // nil where there is none on that side
	Moved   bool     // it stands elsewhere in the other's order; what is moved and else the same is listed, too
	Changed []Change // where both are there
}

// A Change is an attribute that differs. The values are nil where it is not there.
type Change struct {
	Name string
	A, B *string
}

// ErrTooMany is of set-ups with more requests than can be aligned.
var ErrTooMany = errors.New("too many requests to be compared")

// Compare lists what b does differently from a, in the order of both. It is empty where they do the same in the same order.
func Compare(a, b *Set) ([]Difference, error) {
	a.finish()
	b.finish()
	pairs, err := align(a.Requests, b.Requests)
	if err != nil {
		return nil, err
	}
	pairs = rejoin(a.Requests, b.Requests, pairs)
	var list []Difference
	for _, p := range pairs {
		d := Difference{Moved: p.moved}
		if p.a >= 0 {
			d.A = &a.Requests[p.a]
		}
		if p.b >= 0 {
			d.B = &b.Requests[p.b]
		}
		if d.A != nil && d.B != nil {
			if d.Changed = changes(d.A.Attributes, d.B.Attributes); len(d.Changed) == 0 && !d.Moved {
				continue
			}
		}
		list = append(list, d)
	}
	return list, nil
}

// A pair is a request of both, by its places; -1 where there is none.
type pair struct {
	a, b  int
	moved bool
}

// What it is worth that two requests stand beside each other: of what is the same a pair counts more than of what is about
// the same, so that one rule more in a chain does not change all that come after it.
const (
	sameAbout = 2
	sameWhole = 5
)

func worth(a, b *Request) int32 {
	switch {
	case a.key != b.key || a.family != b.family:
		return 0
	case a.whole == b.whole:
		return sameWhole
	}
	return sameAbout
}

// align finds the heaviest common subsequence of both.
func align(a, b []Request) ([]pair, error) {
	var head, tail []pair
	for len(a) > 0 && len(b) > 0 && worth(&a[0], &b[0]) == sameWhole {
		head = append(head, pair{a: len(head), b: len(head)})
		a, b = a[1:], b[1:]
	}
	at := len(head)
	for len(a) > 0 && len(b) > 0 && worth(&a[len(a)-1], &b[len(b)-1]) == sameWhole {
		a, b = a[:len(a)-1], b[:len(b)-1]
		tail = append([]pair{{a: at + len(a), b: at + len(b)}}, tail...)
	}
	const most = 1 << 24 // cells of 4 bytes
	if (len(a)+1)*(len(b)+1) > most {
		return nil, ErrTooMany
	}
	best := weigh(a, b)
	cell := func(i, j int) int32 { return best[i*(len(b)+1)+j] }
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && worth(&a[i], &b[j]) > 0 && cell(i, j) == cell(i+1, j+1)+worth(&a[i], &b[j]):
			head = append(head, pair{a: at + i, b: at + j})
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || cell(i, j) == cell(i+1, j)):
			head = append(head, pair{a: at + i, b: -1})
			i++
		default:
			head = append(head, pair{a: -1, b: at + j})
			j++
		}
	}
	return append(head, tail...), nil
}

// weigh is, for all i and j, the most that a[i:] and b[j:] are worth beside each other.
func weigh(a, b []Request) []int32 {
	width := len(b) + 1
	best := make([]int32, (len(a)+1)*width)
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			most := max(best[(i+1)*width+j], best[i*width+j+1])
			if w := worth(&a[i], &b[j]); w > 0 {
				most = max(most, best[(i+1)*width+j+1]+w)
			}
			best[i*width+j] = most
		}
	}
	return best
}

// rejoin puts those together that both send, in another order: first what is the same, then what is about the same.
func rejoin(a, b []Request, pairs []pair) []pair {
	type key struct{ text, whole string }
	for _, exact := range []bool{true, false} {
		of := func(r *Request) key {
			if exact {
				return key{r.key, r.whole}
			}
			return key{r.key, ""}
		}
		alone := map[key][]int{} // places in pairs of those that only b has
		for i, p := range pairs {
			if p.a < 0 && p.b >= 0 {
				alone[of(&b[p.b])] = append(alone[of(&b[p.b])], i)
			}
		}
		for i, p := range pairs {
			if p.b >= 0 || p.a < 0 {
				continue
			}
			k := of(&a[p.a])
			if list := alone[k]; len(list) > 0 {
				pairs[i] = pair{p.a, pairs[list[0]].b, true}
				pairs[list[0]] = pair{-1, -1, false}
				alone[k] = list[1:]
			}
		}
	}
	var kept []pair
	for _, p := range pairs {
		if p.a >= 0 || p.b >= 0 {
			kept = append(kept, p)
		}
	}
	return kept
}

// changes are the attributes that differ, in the order of a and then of b.
func changes(a, b []Attribute) []Change {
	others := map[string]*string{}
	for i := range b {
		others[b[i].Name] = &b[i].Value
	}
	var list []Change
	for i := range a {
		other := others[a[i].Name]
		delete(others, a[i].Name)
		if other == nil || *other != a[i].Value {
			list = append(list, Change{a[i].Name, &a[i].Value, other})
		}
	}
	for i := range b {
		if others[b[i].Name] == &b[i].Value {
			list = append(list, Change{b[i].Name, nil, &b[i].Value})
		}
	}
	return list
}
