package wire

import (
	"slices"
	"strconv"
	"strings"
)

// A WordsEntry is one name of a Dictionary: of a message, an attribute, or an enumeration's value.
type WordsEntry struct {
	Block  string // the sort of its block and the name: "group link"
	Name   string
	Number uint64
}

// Entries returns all names of a dictionary, block by block, and what is wrong with it: a reference to a block that is
// not there, a type that nobody can read. It is for tests.
func (d *Dictionary) Entries() (all []WordsEntry, wrong []string) {
	d.once.Do(d.index)
	for key := range d.blocks {
		sort, name, _ := strings.Cut(key, " ")
		switch sort {
		case "group":
			g := d.group(name)
			for _, e := range g.attrs {
				all = append(all, WordsEntry{key, e.name, uint64(e.typ)})
			}
			for _, e := range append(slices.Clone(g.fields), g.attrs...) {
				wrong = append(wrong, d.check(key+" "+e.name, &e.form)...)
			}
			for _, e := range g.fields {
				if e.form.size == 0 {
					wrong = append(wrong, key+" "+e.name+": a field without a size")
				}
			}
		case "enum":
			for _, n := range d.names(name) {
				all = append(all, WordsEntry{key, n.Name, n.Value})
			}
		case "kinds":
			d.choose(name, "")
			for _, c := range d.kinds[name] {
				wrong = append(wrong, d.check(key+" "+c.value, &c.form)...)
			}
		case "messages", "asked", "genl":
			all = append(all, d.allMessages(sort, name, &wrong)...)
		default:
			wrong = append(wrong, key+": no such sort of block")
		}
	}
	slices.SortFunc(all, func(a, b WordsEntry) int { return strings.Compare(a.Block+a.Name, b.Block+b.Name) })
	return all, wrong
}

func (d *Dictionary) allMessages(sort, name string, wrong *[]string) (all []WordsEntry) {
	base, _ := strconv.ParseUint(name, 10, 8)
	d.message(sort, name, uint16(base)<<8)
	for typ, info := range d.messages[sort+" "+name] {
		all = append(all, WordsEntry{sort + " " + name, info.Name, uint64(typ & 0xff)})
		if info.words.words != nil && info.words.get() == nil {
			*wrong = append(*wrong, sort+" "+info.Name+": no group "+info.words.name)
		}
	}
	return all
}

// check says what of a form cannot be.
func (d *Dictionary) check(where string, f *form) []string {
	missing := func(sort, name string) []string {
		if _, ok := d.blocks[sort+" "+name]; ok {
			return nil
		}
		return []string{where + ": there is no " + sort + " " + name}
	}
	switch {
	case f.plain && (f.how == "enum" || f.how == "flags"):
		return missing("enum", f.of)
	case f.plain && (f.how == "" || f.how == "hex" || f.how == "in" && f.of != ""):
		return nil
	case f.plain:
		return []string{where + ": " + f.how + " " + f.of + " is not known"}
	}
	switch f.kind {
	case "nest", "list", "structs", "hops":
		return missing("group", f.of)
	case "by":
		return missing("kinds", f.of)
	case "array":
		each := readForm(strings.Fields(f.of))
		return d.check(where, &each)
	case "str", "text", "ip", "mac", "hex", "flag", "pad":
		return nil
	}
	return []string{where + ": " + f.kind + " is not known"}
}

// Disagreements says where the rows of the body of a message type, and of all that is in it, have another name or number
// than the dictionary that names the rest. It is for tests.
func (i *Info) Disagreements() []string {
	if i.body == nil {
		return nil
	}
	return i.body.disagreements(i.Name, map[*rows]bool{})
}

func (rs *rows) disagreements(where string, seen map[*rows]bool) (wrong []string) {
	if seen[rs] {
		return nil
	}
	seen[rs] = true
	g := rs.more()
	for _, r := range rs.all() {
		if r.size == 0 && r.role != unknown && g != nil {
			if e := g.find(r.typ); e == nil || e.name != r.name {
				wrong = append(wrong, where+"/"+r.name+": not in the group "+g.name)
			}
		}
		for _, in := range tablesIn(r.codec) {
			wrong = append(wrong, in.disagreements(where+"/"+r.name, seen)...)
		}
	}
	if g == nil && !rs.isStruct() {
		wrong = append(wrong, where+": no dictionary names what it has no rows for")
	}
	return wrong
}

// tablesIn are the tables that a payload can be of.
func tablesIn(c codec) (all []*rows) {
	switch c := c.(type) {
	case *guarded:
		return tablesIn(c.codec)
	case *nest:
		all = append(all, c.table)
	case *listOf:
		all = append(all, c.table)
	case *nestBy:
		for i := range c.kinds {
			all = append(all, c.kinds[i].table)
		}
	}
	return all
}
