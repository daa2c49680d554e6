package verdict

import (
	"errors"
	"fmt"
	"slices"
	"sort"

	"golang.org/x/sys/unix"

	"plumb/nat"
)

// A source is where rules come from: nat.Conn.
type source interface {
	Tables(family nat.Family) ([]nat.Table, error)
	Chains(family nat.Family) ([]nat.Chain, error)
	Rules(family nat.Family, table, chain string) ([]nat.Rule, error)
	Sets(family nat.Family, table string) ([]nat.Set, error)
	Element(family nat.Family, table, set string, e nat.Element) (*nat.Element, error)
	Elements(family nat.Family, table, set string) ([]nat.Element, error)
}

// Quick reports whether there is any firewall but plumb's that could drop a packet: a base chain of the families ip, ip6 or inet
// that drops by policy, or has rules. It is one message and its answer, however many rules there are.
func Quick(c *nat.Conn) (bool, error) {
	chains, err := c.Chains(nat.NFPROTO_UNSPEC)
	return slices.ContainsFunc(chains, mayDrop), err
}

// mayDrop reports whether a chain can drop a packet that nothing has jumped for.
func mayDrop(c nat.Chain) bool {
	return isForeign(c.Family, c.Table) && c.Hook != nil && (c.Use > 0 || drops(&c))
}

func isForeign(f nat.Family, table string) bool {
	ip := f == nat.NFPROTO_IPV4 || f == nat.NFPROTO_IPV6 || f == nat.NFPROTO_INET
	return ip && !(f == nat.NFPROTO_INET && table == nat.TableName)
}

// drops reports whether a chain's policy is to drop.
func drops(c *nat.Chain) bool { return c.Policy != nil && *c.Policy == nat.NF_DROP }

// A Ruleset is what a namespace's firewalls consist of, plumb's own table aside. Chains are read at once, rules when a packet
// comes to them: chains of thousands of rules that no container's packet meets cost nothing.
type Ruleset struct {
	from     source
	tables   []nat.Table
	chains   []nat.Chain // of tables that are awake
	rules    map[place3][]nat.Rule
	sets     map[place2]map[string]*nat.Set
	elements map[string]*nat.Element // what has been asked for, nil where there was none
	err      error                   // the first that came in between: what has not been read is not known
}

// place2 is a table, place3 one of its chains.
type (
	place2 struct {
		family nat.Family
		table  string
	}
	place3 struct {
		place2
		chain string
	}
)

// Read reads which chains there are. The Conn is used on, while packets are asked about.
func Read(c *nat.Conn) (*Ruleset, error) { return read(c) }

func read(from source) (*Ruleset, error) {
	rs := &Ruleset{
		from: from, rules: map[place3][]nat.Rule{}, sets: map[place2]map[string]*nat.Set{}, elements: map[string]*nat.Element{},
	}
	var err error
	if rs.tables, err = from.Tables(nat.NFPROTO_UNSPEC); err != nil {
		return nil, err
	}
	if rs.chains, err = from.Chains(nat.NFPROTO_UNSPEC); err != nil {
		return nil, err
	}
	rs.chains = slices.DeleteFunc(rs.chains, func(c nat.Chain) bool {
		t := rs.table(c.Family, c.Table)
		return !isForeign(c.Family, c.Table) || t != nil && t.Flags&nat.NFT_TABLE_F_DORMANT != 0
	})
	return rs, nil
}

// table finds a table, or nil.
func (rs *Ruleset) table(f nat.Family, name string) *nat.Table {
	for i := range rs.tables {
		if t := &rs.tables[i]; t.Family == f && t.Name == name {
			return t
		}
	}
	return nil
}

// chain finds a chain, or nil.
func (rs *Ruleset) chain(f nat.Family, table, name string) *nat.Chain {
	for i := range rs.chains {
		if c := &rs.chains[i]; c.Family == f && c.Table == table && c.Name == name {
			return c
		}
	}
	return nil
}

// hooked are the base chains that a packet of a family meets at a hook, in their order. Of two of one priority the one that
// came first has the lower handle, if they are of one table; otherwise the order is not known, and does not matter where both only look.
func (rs *Ruleset) hooked(hook nat.HookNum, f nat.Family) []*nat.Chain {
	var list []*nat.Chain
	for i := range rs.chains {
		c := &rs.chains[i]
		if c.Hook != nil && c.Hook.Num == hook && (c.Family == f || c.Family == nat.NFPROTO_INET) && mayDrop(*c) {
			list = append(list, c)
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Hook.Priority < list[j].Hook.Priority })
	return list
}

// rulesOf reads the rules of a chain, once.
func (rs *Ruleset) rulesOf(f nat.Family, table, chain string) []nat.Rule {
	key := place3{place2{f, table}, chain}
	rules, read := rs.rules[key]
	if !read {
		var err error
		if rules, err = rs.from.Rules(f, table, chain); err != nil {
			rs.fail(err)
		}
		rs.rules[key] = rules
	}
	return rules
}

// set finds a set, or nil.
func (rs *Ruleset) set(f nat.Family, table, name string) *nat.Set {
	key := place2{f, table}
	sets, read := rs.sets[key]
	if !read {
		list, err := rs.from.Sets(f, table)
		if err != nil {
			rs.fail(err)
		}
		sets = make(map[string]*nat.Set, len(list))
		for i := range list {
			sets[list[i].Name] = &list[i]
		}
		rs.sets[key] = sets
	}
	return sets[name]
}

// element asks the kernel for the element that has, or whose interval has, the key. It is nil where there is none. The kernel knows best what is in a
// set: intervals, concatenations of them, elements that time out.
func (rs *Ruleset) element(s *nat.Set, key []byte) (*nat.Element, error) {
	name := s.Family.String() + "\x00" + s.Table + "\x00" + s.Name + "\x00" + string(key)
	if e, asked := rs.elements[name]; asked {
		return e, nil
	}
	e, err := rs.from.Element(s.Family, s.Table, s.Name, nat.Element{Key: &nat.Data{Value: key}})
	if errors.Is(err, unix.ENOENT) {
		e, err = rs.catchAll(s)
	}
	if err == nil {
		rs.elements[name] = e
	}
	return e, err
}

// catchAll is the element for what no other matches, or nil: "*" in nft, Linux 5.13.
func (rs *Ruleset) catchAll(s *nat.Set) (*nat.Element, error) {
	e, err := rs.from.Element(s.Family, s.Table, s.Name, nat.Element{Flags: nat.NFT_SET_ELEM_CATCHALL})
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) { // EINVAL: a kernel that has none, and wants a key
		return nil, nil
	}
	return e, err
}

// maxElements is how many elements of a map are looked at where the key is not known.
const maxElements = 256

// verdicts are all that a map of verdicts can say; false where they are not known, or are too many.
func (rs *Ruleset) verdicts(s *nat.Set) ([]*nat.Verdict, bool) {
	if s.Count != nil && *s.Count > maxElements {
		return nil, false
	}
	elements, err := rs.from.Elements(s.Family, s.Table, s.Name)
	if err != nil || len(elements) > maxElements {
		rs.fail(err)
		return nil, false
	}
	var all []*nat.Verdict
	for i := range elements {
		if d := elements[i].Data; d != nil && d.Verdict != nil {
			all = append(all, d.Verdict)
		}
	}
	return all, true
}

// fail keeps the first error.
func (rs *Ruleset) fail(err error) {
	if err != nil && rs.err == nil {
		rs.err = fmt.Errorf("read the rules of other firewalls: %w", err)
	}
}
