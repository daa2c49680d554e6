package nat

import (
	"maps"
	"net/netip"
	"sync"
)

// A memo is what a Conn has read of plumb's table, as of a generation id. While the namespace's id is still that one, nobody has changed anything of
// it, and the answer to one short question is as good as those to many. A Conn that attaches or detaches moves its memo on: the batch carries the
// id, so that with its commit, which adds one, nothing has changed but what it changes.
type memo struct {
	gen    uint32 // 0: nothing is known
	chain  uint64 // a new one for each reading that does not go on from the one before, and where something is given back; 0: nothing is known
	stands bool   // plumb's table is there

	// Nothing in these maps is changed: where something is to be, a copy takes the map's place. So whoever has a memo may read on.
	sets   map[string][]Element
	nets   map[string][]Net    // what the sets of subnets say
	lowest map[netip.Addr]free // by the first address of a range: where to look on, since all before it are leased
}

// memory guards the memo of a Conn.
type memory struct {
	mu sync.Mutex
	memo
	chains uint64 // how many there were
}

// Remembered is the generation id at which plumb's table stood when an attach or a question was about it last; 0 where that is not known.
func (c *Conn) Remembered() (gen uint32) {
	if m := c.known.last(); m.stands {
		gen = m.gen
	}
	return gen
}

// at returns what is known at a generation id.
func (m *memory) at(gen uint32) memo {
	m.mu.Lock()
	defer m.mu.Unlock()
	if gen == 0 || m.gen != gen {
		return memo{}
	}
	return m.memo
}

// last returns what is known, at whatever generation id.
func (m *memory) last() memo {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.memo
}

// with is a map with one more entry.
func with[K comparable, V any](m map[K]V, key K, value V) map[K]V {
	c := make(map[K]V, len(m)+1)
	maps.Copy(c, m)
	c[key] = value
	return c
}

// note adds what was read after the generation id was. If something had changed in between, no later id would be this one.
func (m *memory) note(gen uint32, add func(*memo)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if gen == 0 {
		return
	}
	if m.gen != gen {
		m.chains++
		m.memo = memo{gen: gen, chain: m.chains}
	}
	add(&m.memo)
}

// committed moves the memo on with a batch that carried its generation id, and then has change say what of it has changed: of plumb's sets that are
// remembered none, unless change forgets them. It returns the chain that the batch is in, 0 for none.
func (m *memory) committed(gen uint32, change func(*memo)) (chain uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if gen == 0 || m.gen != gen {
		return 0
	}
	if m.gen++; m.gen == 0 { // as nf_tables_commit counts, net/netfilter/nf_tables_api.c
		m.gen = 1
	}
	change(&m.memo)
	return m.chain
}

// released is committed for a batch that has given addresses back. Whoever has attached before asks the kernel whether it was his: a new chain begins.
func (m *memory) released(gen uint32, addrs []netip.Addr) {
	m.committed(gen, func(known *memo) {
		m.chains++
		known.chain = m.chains
		known.free(addrs)
	})
}

// free notes that addresses are free again: the lowest may be one of them.
func (m *memo) free(addrs []netip.Addr) {
	m.lowest = maps.Clone(m.lowest)
	for first, low := range m.lowest {
		for _, a := range addrs {
			if a.Less(first) || !a.Less(low.addr) || a.BitLen() != low.addr.BitLen() {
				continue
			}
			if low.addr = a; a.Less(low.run) {
				low = free{} // far back: whoever looks next finds it by the marks
				break
			}
		}
		m.lowest[first] = low
	}
}

// IsAsLeft reports whether all that was changed of the namespace's ruleset since a was attached by this Conn is what further attaches by it have added,
// as far as it knows: then what a holds is there. False says nothing. That plumb's table stands would not be enough: somebody may have flushed the
// ruleset, and another made the table anew.
func (c *Conn) IsAsLeft(a *Attachment) (bool, error) {
	if a.chain == 0 {
		return false, nil
	}
	gen, err := c.GenID()
	return err == nil && c.known.at(gen).chain == a.chain, err
}

// forget is for what may have changed anything.
func (m *memory) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.memo = memo{}
}
