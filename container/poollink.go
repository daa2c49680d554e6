package container

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// The pool of a host that all processes share is the queue of a socket: a message for each network that is ready, and with it, on its way from one
// process to another (SCM_RIGHTS, unix(7)), a descriptor of its namespace. Who receives a message has the network; the kernel gives each to one alone.
// Whoever is killed with it drops the descriptor, and with the last one the namespace ends, and its links.
//
// The two ends of the socket are held by a process that does nothing else: the holder. It is in a network namespace of its own, so that it
// keeps no other, and is told of by a pair of links between that and the host, of which the host's end says which process it is, and what the
// pool is like. If the holder ends, its namespace ends, and that link with it; when the link goes, be it with the host's namespace, the holder ends.

// poolLink is the host's end of the holder's pair.
const poolLink = "plumb-pool"

// A poolMark is what the holder's link says in its alias.
type poolMark struct {
	pid        int
	take, give int    // the socket's ends, as descriptors of the holder
	inode      uint64 // of the first, by which it is told from another process's
	size       int
	net        Network
}

func (m *poolMark) String() string {
	words := []string{
		poolLink, strconv.Itoa(m.pid), strconv.Itoa(m.take), strconv.Itoa(m.give), strconv.FormatUint(m.inode, 10), "size=" + strconv.Itoa(m.size),
	}
	return strings.Join(append(words, m.net.poolWords()...), " ")
}

// poolWords are what of a Network a whole pool can have.
func (n *Network) poolWords() []string {
	var words pairs
	words.add("net", n.Network)
	for _, family := range []struct {
		key    string
		off    bool
		subnet netip.Prefix
	}{{"4", n.NoIPv4, n.Subnet}, {"6", n.NoIPv6, n.Subnet6}} {
		if family.off {
			words.add(family.key, "off")
		} else if family.subnet.IsValid() {
			words.add(family.key, family.subnet.String())
		}
	}
	words.add("if", n.Interface)
	if n.MTU != 0 {
		words.add("mtu", strconv.FormatUint(uint64(n.MTU), 10))
	}
	if n.RateIn != 0 {
		words.add("in", n.RateIn.String())
	}
	if n.RateOut != 0 {
		words.add("out", n.RateOut.String())
	}
	for _, u := range n.Uplinks {
		words.add("up", u)
	}
	if o := n.options(); o != 0 {
		words.add("with", o.String())
	}
	return words
}

// parsePoolMark reads what String wrote.
func parsePoolMark(alias string) (m poolMark, ok bool) {
	words := strings.Fields(alias)
	if len(words) < 6 || words[0] != poolLink {
		return m, false
	}
	var errs [4]error
	m.pid, errs[0] = strconv.Atoi(words[1])
	m.take, errs[1] = strconv.Atoi(words[2])
	m.give, errs[2] = strconv.Atoi(words[3])
	m.inode, errs[3] = strconv.ParseUint(words[4], 10, 64)
	ok = errors.Join(errs[:]...) == nil && m.pid > 0
	for _, word := range words[5:] {
		key, value, _ := strings.Cut(word, "=")
		ok = ok && m.set(key, value) == nil
	}
	return m, ok
}

func (m *poolMark) set(key, value string) (err error) {
	n := &m.net
	switch key {
	case "size":
		m.size, err = strconv.Atoi(value)
	case "net":
		n.Network = value
	case "4":
		if n.NoIPv4 = value == "off"; !n.NoIPv4 {
			n.Subnet, err = netip.ParsePrefix(value)
		}
	case "6":
		if n.NoIPv6 = value == "off"; !n.NoIPv6 {
			n.Subnet6, err = netip.ParsePrefix(value)
		}
	case "if":
		n.Interface = value
	case "mtu":
		var mtu uint64
		mtu, err = strconv.ParseUint(value, 10, 32)
		n.MTU = uint32(mtu)
	case "in":
		n.RateIn, err = ParseRate(value)
	case "out":
		n.RateOut, err = ParseRate(value)
	case "up":
		n.Uplinks = append(n.Uplinks, value)
	case "with":
		for _, word := range strings.Split(value, ",") {
			o := nat.ParseOption(word)
			n.Internal, n.Isolate, n.NoHost = n.Internal || o == nat.Internal, n.Isolate || o == nat.Isolate, n.NoHost || o == nat.NoHost
		}
	}
	return err
}

// mark has the holder's link say what the pool is like.
func (h *Host) mark(index uint32, m *poolMark) error {
	alias := m.String()
	if len(alias) > maxAlias {
		return &FlagError{"uplink", strings.Join(m.net.Uplinks, " "), "what the pool is like does not fit into its link's alias: name fewer uplinks"}
	}
	return h.rtnl.Do(rtnl.SetLink(&rtnl.Link{Index: index, Alias: alias}, "have "+poolLink+" say what the pool is like"))
}

// findPool finds the holder's link, and reads what it says. The error is ErrNoPool where there is none, or one that is going.
func (h *Host) findPool() (link *rtnl.Link, m poolMark, err error) {
	link, err = h.rtnl.LinkByName(poolLink)
	if errors.Is(err, unix.ENODEV) {
		return nil, m, ErrNoPool
	}
	if err != nil {
		return nil, m, fmt.Errorf("look for the pool: %w", err)
	}
	if dying(link) {
		return link, m, ErrNoPool
	}
	m, ok := parsePoolMark(link.Alias)
	if !ok {
		return link, m, fmt.Errorf("%w: link %s does not say who holds it", ErrNoPool, poolLink)
	}
	return link, m, nil
}

// ErrNoPool is in the chain of an error where the host has no pool.
var ErrNoPool = errors.New("the host has no pool: plumb pool fill N makes one")

// pairPool makes the pair between the host and the holder's namespace. The kernel lets only one have the name.
func (h *Host) pairPool(index uint32, holder int) error {
	fd := uint32(holder)
	near := &rtnl.Link{Index: index, Name: poolLink, NumTxQueues: 1, NumRxQueues: 1}
	far := &rtnl.Link{Index: firstIndex, Name: poolPeer, NetNSFd: &fd, NumTxQueues: 1, NumRxQueues: 1}
	requests := []wire.Request{rtnl.NewLink(rtnl.VethPair(near, far), "create "+poolLink+", by which the pool's holder is found")}
	return first(h.rtnl.Do(requests...))
}

// poolPeer is the other end, in the holder's namespace.
const poolPeer = "host"
