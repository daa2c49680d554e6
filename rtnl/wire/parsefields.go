package wire

import (
	"slices"
	"strconv"
	"strings"
)

// A textField is name=value.
type textField struct {
	*textLine
	name, value string
}

// splitFields splits off the lines that hold fields, of which all names are given.
func splitFields(lines []*textLine, names []string, where string) (fields []textField, rest []*textLine, err error) {
	for _, l := range lines {
		if !l.isFields() {
			rest = append(rest, l)
			continue
		}
		if l.below != nil {
			return nil, nil, l.below[0].errorf("nothing can stand below fields: %q", l.below[0].text)
		}
		of, err := l.fields(names, where)
		if err != nil {
			return nil, nil, err
		}
		fields = append(fields, of...)
	}
	return fields, rest, nil
}

// fields takes a line of fields apart. A value may have spaces in it: what is no name=value belongs to the one before, and so does
// what stands in quotes that are open.
func (l *textLine) fields(names []string, where string) (fields []textField, err error) {
	for word := range strings.SplitSeq(l.text, " ") {
		name, value, ok := strings.Cut(word, "=")
		if !ok || len(fields) > 0 && openQuote(fields[len(fields)-1].value) {
			fields[len(fields)-1].value += " " + word
			continue
		}
		if !slices.Contains(names, name) {
			return nil, l.errorf("%s has no field %q%s", where, name, near(name, names))
		}
		fields = append(fields, textField{l, name, value})
	}
	return fields, nil
}

// openQuote says whether a value is a text whose end is still to come.
func openQuote(value string) bool {
	_, err := strconv.QuotedPrefix(value)
	return strings.HasPrefix(value, `"`) && err != nil
}

// byName are fields by their names, each once.
func byName(fields []textField, where string) (map[string]textField, error) {
	given := map[string]textField{}
	for _, f := range fields {
		if _, twice := given[f.name]; twice {
			return nil, f.errorf("%s: %s is given twice", where, f.name)
		}
		given[f.name] = f
	}
	return given, nil
}

// fieldNames are the names of the fixed struct's fields.
func (rs *rows) fieldNames() []string {
	var names []string
	for _, r := range rs.all() {
		if r.size > 0 && r.name != "pad" {
			names = append(names, r.name)
		}
	}
	if rs.isStruct() {
		names = append(names, "rest")
	}
	return names
}

// readFields appends the fixed struct. What is not given is 0.
func (rs *rows) readFields(p *parser, e *Encoder, fields []textField, where string) error {
	given, err := byName(fields, where)
	if err != nil {
		return err
	}
	for _, r := range rs.all() {
		if r.size == 0 {
			break
		}
		b := e.grow(r.size)
		f, ok := given[r.name]
		if !ok {
			continue
		}
		value, err := p.value(r, f.value)
		if err == nil && len(value) != r.size {
			err = errorf("%d bytes, where the field has %d", len(value), r.size)
		}
		if err != nil {
			return f.errorf("%s: %w", f.name, err)
		}
		copy(b, value)
	}
	return readRest(e, given)
}

// readRest appends what comes after the fields of a struct that has grown.
func readRest(e *Encoder, given map[string]textField) error {
	f, ok := given["rest"]
	if !ok {
		return nil
	}
	b, err := parseHex(f.value)
	if err != nil {
		return f.errorf("rest: %w", err)
	}
	copy(e.grow(len(b)), b)
	return nil
}
