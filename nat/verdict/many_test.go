package verdict_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"plumb/nat"
	"plumb/nat/verdict"
	"plumb/test/lab"
)

// many loads n rules in the way of what is forwarded, of which none matches, and as many in a chain that nothing jumps to. A normal user's socket
// does not hold all of them at once.
func (p *place) many(n int) {
	p.t.Helper()
	p.nft("table inet many { chain forward { type filter hook forward priority filter; policy drop; }; chain aside { }; }")
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "add rule inet many forward ip saddr 172.16.%d.%d iifname \"br-%d\" tcp dport %d counter accept\n", i/250, i%250, i%40, i+1)
		fmt.Fprintf(&b, "add rule inet many aside ip saddr 172.17.%d.%d drop\n", i/250, i%250)
		if i%100 == 99 || i == n-1 {
			p.nft(b.String())
			b.Reset()
		}
	}
}

// Among 5,000 rules the one that drops is found, and within a time that nobody minds.
func TestManyRules(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.many(5000)
	start, stalled := time.Now(), lab.Stalled(t)
	problems, err := verdict.Explain(p.nat, p.container())
	took := time.Since(start) - (lab.Stalled(t) - stalled)
	must(t, err)
	if len(problems) != 1 || !problems[0].Certain || problems[0].Drops[0].Handle != 0 {
		t.Errorf("got %s", describe(problems))
	}
	t.Logf("%s for 5,000 rules on the way and 5,000 aside", took)
	if took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func BenchmarkQuick(b *testing.B) {
	p := newPlace(b)
	benchmark(b, "none", func() error { _, err := verdict.Quick(p.nat); return err })
	p.many(5000)
	benchmark(b, "5000 rules", func() error { _, err := verdict.Quick(p.nat); return err })
}

func BenchmarkWarn(b *testing.B) {
	p := newPlace(b)
	who := p.container()
	warn := func() error { _, err := verdict.Warn(p.nat, who); return err }
	benchmark(b, "none", warn)
	p.load("harmless.nft")
	benchmark(b, "harmless", warn)
	p.load("docker.v4", "docker.v6")
	benchmark(b, "docker", warn)
	p.many(5000)
	benchmark(b, "docker and 5000 rules", warn)
}

func BenchmarkExplain(b *testing.B) {
	p := newPlace(b)
	who := p.container()
	explain := func() error { _, err := verdict.Explain(p.nat, who); return err }
	benchmark(b, "none", explain)
	p.load("docker.v4", "docker.v6")
	benchmark(b, "docker", explain)
	p.many(5000)
	benchmark(b, "docker and 5000 rules", explain)
}

func benchmark(b *testing.B, name string, f func() error) {
	b.Run(name, func(b *testing.B) {
		for b.Loop() {
			if err := f(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A rules is a ruleset in memory.
type rules struct {
	chains   []nat.Chain
	rules    map[string][]nat.Rule
	elements []nat.Element
}

func (r *rules) Tables(nat.Family) ([]nat.Table, error)                  { return nil, nil }
func (r *rules) Chains(nat.Family) ([]nat.Chain, error)                  { return r.chains, nil }
func (r *rules) Rules(_ nat.Family, _, chain string) ([]nat.Rule, error) { return r.rules[chain], nil }

func (r *rules) Elements(nat.Family, string, string) ([]nat.Element, error) { return r.elements, nil }

func (r *rules) Sets(nat.Family, string) ([]nat.Set, error) {
	return []nat.Set{{Name: "s", KeyLen: 4, DataType: nat.TypeVerdict}}, nil
}

func (r *rules) Element(nat.Family, string, string, nat.Element) (*nat.Element, error) {
	if len(r.elements) == 0 {
		return nil, nil
	}
	return &r.elements[0], nil
}

// forwardTo is a ruleset whose base chain is called a.
func forwardTo(chains map[string][]nat.Rule) *rules {
	accept := nat.NF_ACCEPT
	base := nat.Chain{Header: nat.Header{Family: nat.NFPROTO_IPV4}, Table: "t", Name: "a", Use: 1, Type: "filter", Policy: &accept, Hook: &nat.Hook{Num: nat.NF_INET_FORWARD}}
	return &rules{chains: []nat.Chain{base}, rules: chains}
}

func jump(code nat.VerdictCode, to string) nat.Rule {
	return nat.Rule{Expressions: nat.Exprs(&nat.Immediate{Dest: nat.NFT_REG_VERDICT, Data: &nat.Data{Verdict: &nat.Verdict{Code: code, Chain: to}}})}
}

// The kernel has no loops, and somebody's changes while the rules are read may look like one; and it has chains that can be walked in
// more ways than there is time.
func TestBounds(t *testing.T) {
	t.Parallel()
	loop := map[string][]nat.Rule{"a": {jump(nat.NFT_JUMP, "b")}, "b": {jump(nat.NFT_GOTO, "a"), jump(nat.NF_DROP, "")}}
	wide := map[string][]nat.Rule{}
	for level := range 15 {
		for range 16 {
			wide[string(rune('a'+level))] = append(wide[string(rune('a'+level))], jump(nat.NFT_JUMP, string(rune('b'+level))))
		}
	}
	for name, chains := range map[string]map[string][]nat.Rule{"loop": loop, "wide": wide} {
		rs, err := verdict.ReadFrom(forwardTo(chains))
		must(t, err)
		who := offline()
		for _, p := range who.Packets() {
			drops, err := rs.Ask(&p)
			must(t, err)
			for _, d := range drops {
				if d.Certain {
					t.Errorf("%s: %v is certain", name, d)
				}
			}
			if name == "wide" {
				break // each takes as many steps as there may be
			}
		}
	}
}
