package wire

import (
	"strconv"
	"strings"
)

// A group is a block of a Dictionary: what a message's body, or a payload, consists of.
type group struct {
	words  *Dictionary
	name   string
	fields []entry // of the fixed struct, in their order
	attrs  []entry // by their numbers, most of them in order
	open   bool    // attributes follow, whether attrs names them or not
}

// An entry is a field or an attribute of a group.
type entry struct {
	typ  uint16 // of an attribute
	name string
	form form
}

// A form is how a payload, or a field, is read.
type form struct {
	kind  string // the first word: "u32", "nest"
	size  int    // bytes, of a field or of a number; 0 for any, -1 for what is left
	big   bool   // network byte order
	sign  bool   // a number can be negative
	how   string // of a number: "enum", "flags", "hex", "in" or ""
	of    string // the group, the enum, the unit, the simple type, or, with "by", the kinds
	key   string // with "by"
	plain bool   // a number
}

// A choice is a line of a "kinds" block.
type choice struct {
	value string
	form  form
}

// group finds a group, nil where there is none.
func (d *Dictionary) group(name string) *group {
	d.once.Do(d.index)
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.readGroup(name)
}

// readGroup is group, under the lock.
func (d *Dictionary) readGroup(name string) *group {
	if g, ok := d.groups[name]; ok {
		return g
	}
	g := &group{words: d, name: name}
	var included []entry
	head := d.lines("group", name, func(words []string) {
		if words[0] == "+" && len(words) > 1 && words[1] != name {
			if other := d.readGroup(words[1]); other != nil {
				included = append(included, other.attrs...)
			}
		}
		g.open = g.open || words[0] == "+"
		if len(words) < 3 {
			return
		}
		e := entry{name: words[1], form: readForm(words[2:])}
		if words[0] == "." {
			g.fields = append(g.fields, e)
		} else if n, err := strconv.ParseUint(words[0], 10, 16); err == nil {
			e.typ = uint16(n)
			g.attrs = append(g.attrs, e)
		}
	})
	if head == nil {
		g = nil
	} else {
		for i := range g.attrs {
			g.attrs[i].name = prefixed(prefixOf(head), g.attrs[i].name)
		}
		g.attrs = append(g.attrs, included...)
	}
	d.groups[name] = g
	return g
}

// choose is how what a kinds block has for a value is read; ok is false where it has nothing.
func (d *Dictionary) choose(kinds, value string) (f form, ok bool) {
	d.once.Do(d.index)
	d.mu.Lock()
	defer d.mu.Unlock()
	choices, ok := d.kinds[kinds]
	if !ok {
		d.lines("kinds", kinds, func(words []string) {
			if len(words) < 2 {
				return
			}
			for value := range strings.SplitSeq(words[0], ",") {
				choices = append(choices, choice{value, readForm(words[1:])})
			}
		})
		d.kinds[kinds] = choices
	}
	if value == "" {
		value = "_" // there is no such key
	}
	for _, c := range choices {
		if c.value == value || c.value == "*" {
			return c.form, true
		}
	}
	return form{}, false
}

// numberSize is the size of a number's type, 0 for one of any size.
func numberSize(word string) (size int, ok bool) {
	for prefix := range strings.SplitSeq("u s be sbe", " ") {
		bits, found := strings.CutPrefix(word, prefix)
		if !found {
			continue
		}
		switch bits {
		case "8", "16", "32", "64":
			n, _ := strconv.Atoi(bits)
			return n / 8, true
		case "int":
			return 0, true
		}
	}
	return 0, false
}

// readForm reads the words after a name.
func readForm(words []string) form {
	if len(words) == 0 {
		return form{kind: "hex"}
	}
	kind, size, sized := strings.Cut(words[0], ":")
	f := form{kind: kind}
	if sized {
		f.size = -1
		if n, err := strconv.Atoi(size); err == nil && n >= 0 && n < 1<<16 {
			f.size = n
		}
	}
	word := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	if n, ok := numberSize(kind); ok {
		f.size, f.plain = n, true
		f.big, f.sign = strings.Contains(kind, "be"), kind[0] == 's'
		f.how, f.of = word(1), word(2)
		return f
	}
	switch kind {
	case "by":
		f.key, f.of = word(1), word(2)
	case "array":
		f.of = strings.Join(words[1:], " ")
	default:
		f.of = word(1)
	}
	return f
}

// find is the attribute of a type, nil where the group has none.
func (g *group) find(typ uint16) *entry {
	if g == nil {
		return nil
	}
	for i := range g.attrs {
		if g.attrs[i].typ == typ {
			return &g.attrs[i]
		}
	}
	return nil
}

// attrName is the name of the attribute of a type, or says its number.
func (g *group) attrName(typ uint16) string {
	if e := g.find(typ); e != nil {
		return e.name
	}
	return unnamed(typ)
}

// isStruct reports whether a group is a C struct and nothing else.
func (g *group) isStruct() bool { return len(g.attrs) == 0 && len(g.fields) > 0 && !g.open }
