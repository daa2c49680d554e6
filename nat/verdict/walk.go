package verdict

import (
	"plumb/nat"
)

// A Drop is where a packet would be dropped, or may be.
type Drop struct {
	Packet  *Packet
	Certain bool // otherwise it depends on what cannot be known beforehand

	Hook   nat.HookNum
	Family nat.Family
	Table  string
	Base   string // the base chain
	Chain  string // that the rule is in
	Handle uint64 // the rule's; 0 for a policy
	Rule   string // its text, as nft would nearly write it; "policy drop"
}

// What keeps a walk within bounds. The kernel allows no loops and a depth of NFT_JUMP_STACK_SIZE, but chains that jump to chains that
// jump can still be walked more often than anybody has time for.
const (
	maxDepth = 16
	maxSteps = 1 << 18 // rules, for one packet
)

// A walker takes one packet through the rules.
type walker struct {
	state
	rules     *Ruleset
	base      *nat.Chain
	uncertain bool // the packet may have left the base chain before, or not have come here
	steps     int
	drops     []Drop
}

// Ask walks one packet all its way, and returns where it would or may be dropped: in each base chain up to the first rule
// that certainly does. It goes on after that, since each such chain must be mended.
func (rs *Ruleset) Ask(p *Packet) ([]Drop, error) {
	w := &walker{rules: rs}
	w.begin(p)
	for _, hook := range p.Way {
		for _, c := range rs.hooked(hook, p.family()) {
			if c.Type == "nat" && p.Reply {
				continue // only the first packet of a connection comes to these
			}
			w.baseChain(c)
		}
	}
	return w.drops, rs.err
}

func (w *walker) baseChain(c *nat.Chain) {
	w.base, w.uncertain = c, false
	w.enter(c)
	if w.chain(c.Name, 0)&goesOn != 0 && drops(c) {
		w.drop(&nat.Rule{Chain: c.Name}, "policy drop", yes)
	}
}

// An outcome is what can become of a packet in a chain: some of these bits.
type outcome uint8

const (
	goesOn outcome = 1 << iota // it comes out at the end, or by a return
	leaves                     // it is accepted or dropped
)

// chain walks the rules of a chain.
func (w *walker) chain(name string, depth int) outcome {
	if depth > maxDepth {
		w.uncertain = true
		return goesOn | leaves
	}
	var all outcome
	rules := w.rules.rulesOf(w.base.Family, w.base.Table, name)
	for i := range rules {
		if w.steps++; w.steps > maxSteps {
			w.uncertain = true
			return goesOn | leaves
		}
		matched, verdicts := w.rule(&rules[i])
		if matched == no || len(verdicts) == 0 {
			continue
		}
		if len(verdicts) > 1 {
			matched = maybe
		}
		for _, v := range verdicts {
			out, ended := w.verdict(&rules[i], matched, v, depth)
			all |= out
			if ended {
				return all
			}
		}
	}
	return all | goesOn
}

// rule runs a rule's expressions up to the one that ends it: whether it matches, and what it then says. Several verdicts are
// those of a map whose key is not known.
func (w *walker) rule(r *nat.Rule) (truth, []*nat.Verdict) {
	w.forget()
	matched := yes
	for i := range r.Expressions {
		w.sure = matched == yes && !w.uncertain
		t, verdicts := w.expression(&r.Expressions[i])
		matched = matched.and(t)
		if matched == no || len(verdicts) > 0 {
			return matched, verdicts
		}
	}
	return matched, nil
}

// verdict follows a rule that matches or may match. ended is that no packet comes to the next rule.
func (w *walker) verdict(r *nat.Rule, matched truth, v *nat.Verdict, depth int) (out outcome, ended bool) {
	switch v.Code {
	case nat.NFT_CONTINUE, nat.NFT_BREAK:
		return 0, false
	case nat.NFT_RETURN:
		w.uncertain = w.uncertain || matched == maybe
		return goesOn, matched == yes
	case nat.NFT_JUMP, nat.NFT_GOTO:
		before := w.uncertain
		w.uncertain = before || matched == maybe
		out = w.chain(v.Chain, depth+1)
		w.uncertain = before || out&leaves != 0
		if v.Code == nat.NFT_GOTO {
			w.uncertain = w.uncertain || matched == maybe
			return out, matched == yes
		}
		return out & leaves, matched == yes && out&goesOn == 0
	case nat.NF_ACCEPT:
	case verdictQueue: // a program decides
		w.drop(r, "", maybe)
	default:
		w.drop(r, "", matched)
	}
	w.uncertain = true // unless the chain ends here
	return leaves, matched == yes
}

// verdictQueue is NF_QUEUE, linux/netfilter.h: packets go to a program.
const verdictQueue nat.VerdictCode = 3

// drop notes where a packet is dropped, once for each rule.
func (w *walker) drop(r *nat.Rule, text string, matched truth) {
	d := Drop{
		Packet: w.packet, Certain: matched == yes && !w.uncertain, Hook: w.base.Hook.Num,
		Family: w.base.Family, Table: w.base.Table, Base: w.base.Name, Chain: r.Chain, Handle: r.Handle, Rule: text,
	}
	for i := range w.drops {
		o := &w.drops[i]
		if o.Family == d.Family && o.Table == d.Table && o.Chain == d.Chain && o.Handle == d.Handle && o.Base == d.Base {
			o.Certain = o.Certain || d.Certain
			return
		}
	}
	if d.Rule == "" {
		d.Rule = r.Text()
	}
	w.drops = append(w.drops, d)
}
