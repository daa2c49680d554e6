package wire

// A Form is how a Node's bytes say its value, for who shows them beside it.
type Form uint8

// The forms.
const (
	Opaque  Form = iota // no shape that is known of, or one that Children say
	Number              // in the host's byte order
	Network             // a number in network byte order
	Chars               // a string; what follows its first NUL is not of it
	Filler              // bytes of a struct that hold nothing
)

// form is how a row's bytes say its value.
func (r *row) form() Form {
	switch c := r.codec.(type) {
	case *numeric:
		return c.form()
	case *optional:
		return c.form()
	case *text, texts:
		return Chars
	case padding:
		return Filler
	}
	return Opaque
}

// form is how a value that a dictionary describes is in its bytes.
func (f *form) form() Form {
	switch {
	case f.plain && f.big:
		return Network
	case f.plain:
		return Number
	case f.kind == "str" || f.kind == "text":
		return Chars
	case f.kind == "pad":
		return Filler
	}
	return Opaque
}

func (n *numeric) form() Form {
	if n.big {
		return Network
	}
	return Number
}
