package wire

import "strconv"

// A scope is where bytes stand that are shown: what describes them, and what they are in. What a payload means can
// depend on an attribute beside it, or beside one that it is in (TCA_KIND says what TCA_STATS_APP is, in TCA_STATS2).
type scope struct {
	in layout
	b  []byte
	up *scope

	asked, answer string // the last key, and its value: all attributes of one type ask the same
}

// deep reports whether s is in more scopes than any message of the kernel's has: a struct can be in itself only by a
// mistake of the dictionary's.
func (s *scope) deep() bool {
	n := 0
	for ; s != nil; s = s.up {
		n++
	}
	return n > 40
}

// key finds the value of a field or attribute by its name, from the innermost scope outwards: a string, or a number in
// decimal. It is "" where there is none.
func (s *scope) key(name string) string {
	if s != nil && s.asked == name {
		return s.answer
	}
	for at := s; at != nil; at = at.up {
		if value, ok := at.in.value(at.b, name); ok {
			s.asked, s.answer = name, value
			return value
		}
	}
	if s != nil {
		s.asked, s.answer = name, ""
	}
	return ""
}

func (rs *rows) value(b []byte, name string) (string, bool) {
	n := 0
	for _, r := range rs.all() {
		if r.size > 0 {
			if r.name == name && n+r.size <= len(b) {
				return keyOf(b[n:n+r.size], r.codec), true
			}
			n += r.size
			continue
		}
		if r.name == name {
			return attrKey(b, n, r.typ, r.codec)
		}
	}
	if g := rs.more(); g != nil {
		for i := range g.attrs {
			if g.attrs[i].name == name {
				return attrKey(b, n, g.attrs[i].typ, &g.attrs[i].form)
			}
		}
	}
	return "", false
}

func (g *group) value(b []byte, name string) (string, bool) {
	n := 0
	for i := range g.fields {
		f := &g.fields[i].form
		if f.size <= 0 || n+f.size > len(b) {
			break
		}
		if g.fields[i].name == name {
			return keyOf(b[n:n+f.size], f), true
		}
		n += f.size
	}
	for i := range g.attrs {
		if g.attrs[i].name == name {
			return attrKey(b, n, g.attrs[i].typ, &g.attrs[i].form)
		}
	}
	return "", false
}

func (elements) value([]byte, string) (string, bool) { return "", false }

// attrKey is the key that the attribute of a type holds, among those of b that begin after size bytes.
func attrKey(b []byte, size int, typ uint16, as any) (string, bool) {
	for a := range attrs(b[min(align(size), len(b)):]) {
		if a.Type == typ && !a.bad {
			return keyOf(a.Data, as), true
		}
	}
	return "", false
}

// keyOf is the value of a key: by its codec, or its form in a dictionary.
func keyOf(b []byte, as any) string {
	big := false
	switch as := as.(type) {
	case *numeric:
		big = as.big
	case *optional:
		big = as.big
	case *form:
		if !as.plain {
			return cstring(b)
		}
		big = as.big
	default:
		return cstring(b)
	}
	switch len(b) {
	case 1, 2, 4, 8:
		n, _ := getNumber(b, len(b), big)
		return strconv.FormatUint(n, 10)
	}
	return ""
}
