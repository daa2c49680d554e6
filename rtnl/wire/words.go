package wire

import (
	"strconv"
	"strings"
	"sync"
)

// A Dictionary names what the kernel's headers name, and says how it is to be read: messages, fields, attributes,
// enumerations. plumb encodes and decodes by its tables alone; a Dictionary is for what other programs send, and for
// what the kernel tells that no table asks for. It takes part in showing a message, and in reading one that a person has
// written, and in nothing else.
//
// It is text, in blocks with an empty line between them; a line that begins with # is a comment. The first line of a
// block says of what sort it is:
//
//	group link IFLA_                  a message's body, a C struct, or the payload of a nested attribute
//	. ifi_family u8 enum af             a field of the fixed struct, in its order; fields come first
//	. pad pad:3                         as many bytes: for all that is no number
//	1 ADDRESS mac                       an attribute: its number, its name without the block's prefix, how it is read
//	18 LINKINFO nest linkinfo
//	1 =VETH_INFO_PEER nest link         a name that does not have the prefix
//	+ proplist                          what another group has, besides, where this one has not the same number
//	+                                   attributes that have no names here
//
//	enum scope RT_SCOPE_              values of an enumeration, or bits of a flag word
//	0 UNIVERSE 200 SITE
//	253 LINK
//
//	kinds linkinfo_data               what a "by" chooses from: values of the key, and how it is read then
//	gre,gretap nest gre
//	* hex                               for any other value
//
//	messages RTM_ 0                   message types: the upper byte of their numbers, then the lower ones
//	16 NEWLINK link
//	120 NEWTUNNEL                       without a group: its body is not known
//
//	asked RTM_ 0                      the same, of requests whose body is another than their answers' is
//
//	genl WG_CMD_ wireguard            the same, the commands of a family of generic netlink
//
// How a payload, or a field, is read:
//
//	u8 u16 u32 u64 s8 s16 s32 s64     a number in the host's byte order
//	be16 be32 be64 sbe32              in network byte order
//	uint sint beuint                  of the size that the payload has
//	NUMBER enum NAME                    by the names of an enum
//	NUMBER flags NAME                   the same, a word of bits
//	NUMBER hex                          in hexadecimal
//	NUMBER in UNIT                      with a unit after it: ms, us, B
//	str text                          a string that ends in a NUL, or that does not
//	ip mac hex                        an address of 4 or 16 bytes; one of a link; bytes
//	flag pad                          an attribute without a payload; one that only aligns the next
//	nest GROUP                        attributes, a C struct, or a C struct and attributes
//	list GROUP                        attributes whose types only number them, each with attributes or a struct in it
//	array TYPE                        the same, each with a value of a simple TYPE in it
//	structs GROUP                     C structs one after the other
//	hops GROUP                        the same, each with attributes after it, and its length in its first two bytes
//	by KEY KINDS                      by the value of KEY: an attribute or field beside it, or beside what it is in
//
// KEY is a whole name. Its value is the string or the decimal number that the attribute holds. A field's size in bytes is
// that of its number, or stands after a colon: hex:8, str:16; ip:* takes what is left.
type Dictionary struct {
	texts []string
	once  sync.Once

	blocks map[string]string // from "group link" to the lines of the block, the first included; read when asked for

	mu       sync.Mutex
	groups   map[string]*group
	enums    map[string]Names
	kinds    map[string][]choice
	messages map[string]map[uint16]*Info // by the sort and name of the block
}

// NewDictionary makes a dictionary of texts. They are read when something is first looked up.
func NewDictionary(texts ...string) *Dictionary {
	return &Dictionary{texts: texts}
}

// A Group is a block of a Dictionary, by its name.
type Group struct {
	words *Dictionary
	name  string
}

// Group is the group of a name, which is looked for when it is used.
func (d *Dictionary) Group(name string) Group { return Group{d, name} }

// get is the group itself, nil where there is none.
func (g Group) get() *group {
	if g.words == nil {
		return nil
	}
	return g.words.group(g.name)
}

// index finds where the blocks are.
func (d *Dictionary) index() {
	d.blocks = map[string]string{}
	d.groups, d.enums = map[string]*group{}, map[string]Names{}
	d.kinds, d.messages = map[string][]choice{}, map[string]map[uint16]*Info{}
	for _, text := range d.texts {
		for block := range strings.SplitSeq(text, "\n\n") {
			d.add(block)
		}
	}
}

// add notes where a block is.
func (d *Dictionary) add(block string) {
	for strings.HasPrefix(block, "\n") || strings.HasPrefix(block, "#") {
		_, block, _ = strings.Cut(block, "\n")
	}
	head, _, _ := strings.Cut(block, "\n")
	words := strings.Fields(head)
	if len(words) < 2 {
		return
	}
	name := words[1]
	if (words[0] == "messages" || words[0] == "asked" || words[0] == "genl") && len(words) > 2 {
		name = words[2]
	}
	d.blocks[words[0]+" "+name] = block
}

// lines gives the words of the lines of a block, but for its first line, whose words it returns; nil where there is no
// such block.
func (d *Dictionary) lines(sort, name string, each func(words []string)) (head []string) {
	d.once.Do(d.index)
	block, ok := d.blocks[sort+" "+name]
	if !ok {
		return nil
	}
	first, rest, _ := strings.Cut(block, "\n")
	for line := range strings.Lines(rest) {
		if words := strings.Fields(line); len(words) > 0 && words[0][0] != '#' {
			each(words)
		}
	}
	return strings.Fields(first)
}

// Message finds a message type by its number; nil where the dictionary has none.
func (d *Dictionary) Message(typ uint16) *Info {
	return d.message("messages", strconv.Itoa(int(typ>>8)), typ)
}

// Asked finds the message type of a request, where that has another body than its answer has; nil where it does not.
func (d *Dictionary) Asked(typ uint16) *Info {
	return d.message("asked", strconv.Itoa(int(typ>>8)), typ)
}

// Command finds a command of a family of generic netlink; nil where the dictionary has none.
func (d *Dictionary) Command(family string, cmd uint8) *Info {
	return d.message("genl", family, uint16(cmd))
}

func (d *Dictionary) message(sort, name string, typ uint16) *Info {
	d.once.Do(d.index)
	d.mu.Lock()
	defer d.mu.Unlock()
	all, ok := d.messages[sort+" "+name]
	if !ok {
		all = map[uint16]*Info{}
		d.messages[sort+" "+name] = all
		head := d.lines(sort, name, func(words []string) {
			if n, err := strconv.ParseUint(words[0], 10, 8); err == nil && len(words) > 1 {
				info := &Info{Type: typ&0xff00 | uint16(n), Name: words[1]}
				if len(words) > 2 {
					info.words = d.Group(words[2])
				}
				all[info.Type] = info
			}
		})
		for _, info := range all {
			info.Name = prefixed(head[1], info.Name)
		}
	}
	return all[typ]
}

// prefixed is a whole name: "-" is an empty prefix, and a name that begins with = has none.
func prefixed(prefix, name string) string {
	if strings.HasPrefix(name, "=") {
		return name[1:]
	}
	if prefix == "-" {
		return name
	}
	return prefix + name
}

// names are the names of an enum block, nil where there is none.
func (d *Dictionary) names(name string) Names {
	d.once.Do(d.index)
	d.mu.Lock()
	defer d.mu.Unlock()
	if ns, ok := d.enums[name]; ok {
		return ns
	}
	var ns Names
	head := d.lines("enum", name, func(words []string) {
		for i := 0; i+1 < len(words); i += 2 {
			if v, err := strconv.ParseUint(words[i], 0, 64); err == nil {
				ns = append(ns, Name{v, words[i+1]})
			} else if v, err := strconv.ParseInt(words[i], 0, 64); err == nil {
				ns = append(ns, Name{uint64(v), words[i+1]})
			}
		}
	})
	for i := range ns {
		ns[i].Name = prefixed(prefixOf(head), ns[i].Name)
	}
	d.enums[name] = ns
	return ns
}

// prefixOf is the prefix that the first line of a block gives to its names.
func prefixOf(head []string) string {
	if len(head) > 2 {
		return head[2]
	}
	return "-"
}

// Info is a message type whose body is the group.
func (g Group) Info(typ uint16, name string) *Info { return &Info{Type: typ, Name: name, words: g} }
