package nat

import (
	"slices"
	"strconv"
	"strings"
)

// Text is the rule as nft would write it, without counters: enough to find it again, and to see what it does. What
// iptables-nft has borrowed is written by its name: "xt match addrtype".
func (r *Rule) Text() string {
	text, _ := r.text(true)
	return text
}

// text is the rule as nft reads it. exact says whether nft makes the same expressions of it.
func (r *Rule) text(brief bool) (text string, exact bool) {
	t := texter{family: r.Family, brief: brief, exact: true}
	switch r.Family {
	case NFPROTO_IPV4, NFPROTO_IPV6:
		t.network = r.Family
	}
	for i := 0; i < len(r.Expressions); i++ {
		if t.bounds(r.Expressions[i:]) {
			i++
			continue
		}
		t.expression(&r.Expressions[i])
	}
	t.flush()
	if c := r.UserData.Comment(); c != "" {
		t.say("comment " + t.quoted(c))
	}
	if len(r.UserData) != len(CommentData(r.UserData.Comment())) {
		t.exact = false
	}
	return strings.Join(t.words, " "), t.exact
}

// registerBytes is what nf_tables has of registers: NFT_REG32_COUNT of 4 bytes.
const registerBytes = 64

// place is the register of 4 bytes that a register begins in: -1 for the verdict's, and for what is none.
func place(r Register) int {
	switch {
	case r >= NFT_REG_1 && r <= NFT_REG_4:
		return int(r-NFT_REG_1) * 4
	case r >= NFT_REG32_00 && r < NFT_REG32_00+registerBytes/4:
		return int(r - NFT_REG32_00)
	}
	return -1
}

// A texter writes a rule, and remembers what it has put into which register, and which protocols the packet has by now.
type texter struct {
	words []string
	brief bool // without counters
	exact bool // nothing has been written that nft would make something else of

	family    Family
	network   Family // NFPROTO_IPV4 or _IPV6, once the packet is known to be that
	transport byte   // IPPROTO_*, once it is known
	pending   []dependency

	loaded  [registerBytes / 4]operand // by the register that it begins in
	touched []int                      // those that have been loaded since the last use, for concatenations
}

// A dependency is a match of a protocol, which nft writes by itself where what comes next is of that protocol.
type dependency struct {
	need need
	text string
}

// need is what an operand is of: of which protocols the packet has to be.
type need uint8

const (
	needNetwork need = 1 << iota
	needTransport
)

func (t *texter) say(words ...string) {
	t.flush()
	t.words = append(t.words, words...)
}

// flush writes the dependencies that nft would not.
func (t *texter) flush() {
	for _, d := range t.pending {
		t.words = append(t.words, d.text)
	}
	t.pending = nil
}

// imply leaves out the dependencies at the end that nft writes by itself for what needs them.
func (t *texter) imply(n need) {
	for i := len(t.pending) - 1; i >= 0 && n&t.pending[i].need != 0; i-- {
		t.pending = t.pending[:i]
	}
}

//go:noinline
func (t *texter) load(r Register, o operand) {
	if at := place(r); at >= 0 {
		t.loaded[at] = o
		t.touched = append(t.touched, at)
	}
}

// use is what is in a register, for a statement that is about to be said.
//
//go:noinline
func (t *texter) use(r Register) operand {
	t.touched = nil
	at := place(r)
	if at < 0 || t.loaded[at].name == "" && t.loaded[at].constant == nil {
		t.exact = false
		return operand{}
	}
	t.imply(t.loaded[at].need)
	return t.loaded[at]
}

// key is all that has been loaded for a lookup, in the registers' order.
func (t *texter) key(source Register) (text string, needs need) {
	slices.Sort(t.touched)
	var names []string
	for _, at := range slices.Compact(t.touched) {
		names = append(names, t.loaded[at].masked())
		needs |= t.loaded[at].need
	}
	if at := place(source); len(names) == 0 && at >= 0 { // the kernel reads a register twice, and nft loads it twice
		names, t.exact = append(names, t.loaded[at].name), false
	}
	t.touched = nil
	return strings.Join(names, " . "), needs
}

func (t *texter) expression(e *Expr) {
	switch d := e.Data.(type) {
	case *Meta:
		t.meta(d)
	case *Payload:
		t.payloadInto(d)
	case *CT:
		t.ct(d)
	case *FIB:
		form := asNumber
		if d.Result == NFT_FIB_RESULT_ADDRTYPE {
			form = asAddrType
		}
		t.load(d.Dest, operand{name: "fib " + strings.ReplaceAll(d.Flags.String(), ",", " . ") + " " + d.Result.String(), form: form})
	case *Bitwise:
		t.bitwise(d)
	case *ByteOrder:
		o := t.loadedIn(d.Source)
		o.network = d.Op == NFT_BYTEORDER_HTON
		t.replace(d.Dest, o)
	case *Cmp:
		t.cmp(d)
	case *Range:
		t.between(d)
	case *Lookup:
		t.lookup(d)
	case *Immediate:
		t.immediate(d)
	default:
		t.statement(e)
	}
}

// loadedIn is what is in a register, which is not used up.
func (t *texter) loadedIn(r Register) operand {
	if at := place(r); at >= 0 {
		return t.loaded[at]
	}
	return operand{}
}

// replace puts something else in a register in the place of what was loaded for the same use.
func (t *texter) replace(r Register, o operand) {
	if at := place(r); at >= 0 {
		t.loaded[at] = o
		if !slices.Contains(t.touched, at) {
			t.touched = append(t.touched, at)
		}
	}
}

func (t *texter) bitwise(b *Bitwise) {
	o := t.loadedIn(b.Source)
	if b.Op != NFT_BITWISE_MASK_XOR || b.Mask == nil || b.Xor == nil || !isZero(b.Xor.Value) || o.mask != nil {
		t.exact = false
	}
	if b.Mask != nil {
		o.mask = b.Mask.Value
	}
	t.replace(b.Dest, o)
}

func isZero(b []byte) bool { return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) }

func negation(is bool) string {
	if is {
		return " !="
	}
	return ""
}

// cmp is a comparison. One with a protocol is remembered, and said when it is seen what comes after it.
func (t *texter) cmp(c *Cmp) {
	if c.Data == nil {
		t.exact = false
		return
	}
	v := c.Data.Value
	o := t.loadedIn(c.Source)
	switch {
	case o.mask == nil && c.Op == NFT_CMP_EQ && o.form == asFamily && len(v) == 1:
		t.touched = nil
		t.network = Family(v[0])
		t.pending = append(t.pending, dependency{needNetwork, o.name + " " + o.value(v)})
		return
	case o.mask == nil && c.Op == NFT_CMP_EQ && o.name == "meta l4proto" && len(v) == 1:
		t.touched = nil
		t.transport = v[0]
		t.pending = append(t.pending, dependency{needTransport, o.name + " " + o.value(v)})
		return
	}
	o = t.use(c.Source)
	if !o.takes(v) {
		t.exact = false
	}
	op := " " + c.Op.String()
	if c.Op == NFT_CMP_EQ {
		op = ""
	}
	switch {
	case o.mask != nil && (o.form == asState || o.form == asStatus) && isZero(v): // one of the bits is set, or none is
		mask := o.mask
		o.mask = nil
		t.say(o.name, map[bool]string{true: "! ", false: ""}[c.Op == NFT_CMP_EQ]+o.value(mask))
	case o.mask != nil && o.form != asAddress:
		t.say(o.masked()+" "+c.Op.String(), o.value(v))
	default:
		if o.mask != nil && prefixBits(o.mask) < 0 {
			t.exact = false
		}
		t.say(o.name+op, o.value(v))
	}
}

// bounds are two comparisons of what has been loaded once: "th dport 1-1023". It is false where there are none.
func (t *texter) bounds(rest []Expr) bool {
	if len(rest) < 2 {
		return false
	}
	low, isLow := rest[0].Data.(*Cmp)
	high, isHigh := rest[1].Data.(*Cmp)
	if !isLow || !isHigh || low.Op != NFT_CMP_GTE || high.Op != NFT_CMP_LTE || low.Source != high.Source || low.Data == nil || high.Data == nil {
		return false
	}
	o := t.use(low.Source)
	t.say(o.name, o.bound(low.Data.Value)+"-"+o.bound(high.Data.Value))
	return true
}

// between is a range that nft writes as such.
func (t *texter) between(r *Range) {
	if r.From == nil || r.To == nil {
		t.exact = false
		return
	}
	o := t.use(r.Source)
	t.say(o.masked()+negation(r.Op == NFT_RANGE_NEQ), o.bound(r.From.Value)+"-"+o.bound(r.To.Value))
}

// lookup says whether a key is in a set. What a map has for it goes into a register.
func (t *texter) lookup(l *Lookup) {
	key, needs := t.key(l.Source)
	if strings.HasPrefix(l.Set, "__") || !isName(l.Set) { // a set without a name, whose elements are in messages of their own
		t.exact = false
	}
	switch {
	case l.Dest != nil && *l.Dest == NFT_REG_VERDICT:
		t.imply(needs)
		t.say(key + " vmap @" + l.Set)
	case l.Dest != nil:
		t.load(*l.Dest, operand{name: key + " map @" + l.Set, need: needs})
		t.touched = nil
	default:
		t.imply(needs)
		t.say(key + negation(l.Flags&NFT_LOOKUP_F_INV != 0) + " @" + l.Set)
	}
}

func (t *texter) immediate(i *Immediate) {
	switch {
	case i.Data == nil:
		t.exact = false
	case i.Data.Verdict != nil:
		t.say(i.Data.Verdict.String())
		v := i.Data.Verdict
		if v.Code > NF_ACCEPT || v.Code < NFT_RETURN || v.Chain != "" && !isName(v.Chain) {
			t.exact = false
		}
	default:
		t.load(i.Dest, operand{constant: i.Data.Value})
		t.touched = nil
	}
}

// quoted is a text as nft reads it: there is no way to write a quotation mark, or the end of a line, in one.
func (t *texter) quoted(text string) string {
	if strings.ContainsAny(text, "\"\n\x00") {
		t.exact = false
		return strconv.Quote(text)
	}
	return `"` + text + `"`
}
