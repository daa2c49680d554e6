package nat

import "strings"

// Options say what else table inet plumb holds of an attachment beside its addresses.
type Options uint8

// The options.
const (
	Internal Options = 1 << iota // no way out: the gateway and the neighbours of its network only
	Isolate                      // no way to and from other containers, except by published ports
	NoHost                       // no way to the host's own services
	ports                        // it publishes ports: Attach sets it, as the next one
	rate                         // what it sends is held to a rate
)

// optionNames are the words for the options in a comment, in the order of their bits.
func optionNames() []string { return []string{"internal", "isolate", "no-host", "ports", "rate"} }

// String is the words, with commas between them.
func (o Options) String() string {
	var words []string
	for i, name := range optionNames() {
		if o&(1<<i) != 0 {
			words = append(words, name)
		}
	}
	return strings.Join(words, ",")
}

// parseOptions reads what String wrote. ok is false where a word is none of them.
func parseOptions(text string) (o Options, ok bool) {
words:
	for _, word := range strings.Split(text, ",") {
		for i, name := range optionNames() {
			if word == name {
				o |= 1 << i
				continue words
			}
		}
		return 0, false
	}
	return o, true
}

// ParseOption is the option that a word stands for; 0 where it is none.
func ParseOption(word string) Options {
	o, _ := parseOptions(word)
	return o
}
