package verdict

import (
	"plumb/nat"
)

// What the tests of package verdict_test see of the inside. They are outside since plumb/test/lab stands on package container.

// Matches walks a packet to a base chain and says of each of its rules whether it matches: "no", "maybe" or "yes".
func (rs *Ruleset) Matches(p *Packet, f nat.Family, table, chain string) map[uint64]string {
	w := &walker{rules: rs, base: rs.chain(f, table, chain)}
	w.begin(p)
	w.enter(w.base)
	all := map[uint64]string{}
	rules := rs.rulesOf(f, table, chain)
	for i := range rules {
		t, _ := w.rule(&rules[i])
		all[rules[i].Handle] = [...]string{"no", "maybe", "yes"}[t]
	}
	return all
}

// ReadFrom reads from something that is no kernel.
func ReadFrom(s source) (*Ruleset, error) { return read(s) }

// MatchInfo is one extension of x_tables on a packet of its own.
func MatchInfo(m *nat.Match, p *Packet) {
	w := &walker{rules: &Ruleset{}, base: &nat.Chain{Hook: &nat.Hook{Num: nat.NF_INET_FORWARD}}}
	w.begin(p)
	w.enter(w.base)
	w.forget()
	w.match(m)
	w.target(&nat.Target{Name: m.Name, Revision: m.Revision, Info: m.Info})
}
