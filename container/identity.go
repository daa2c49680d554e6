package container

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"plumb/nat"
	"plumb/rtnl"

	"golang.org/x/sys/unix"
)

// LinkGroup is the interface group of every host end: what the rules in table inet plumb match. It is "pl".
const LinkGroup = 0x706c

// linkPrefix begins the name of every host end.
const linkPrefix = "pl-"

// hostLink is the name of a container's host end: pl-NAME, or where that is too long, as much of it as fits with the
// hash of the whole. altName is then the whole, for the link to have besides, or else "".
//
// The hash is there because long names often begin alike, and two links cannot have one name.
func hostLink(name string) (link, altName string) {
	whole := linkPrefix + name
	if len(whole) < unix.IFNAMSIZ {
		return whole, ""
	}
	hash := fnv.New32a()
	hash.Write([]byte(name))
	sum := fmt.Sprintf("-%04x", hash.Sum32()&0xffff)
	return whole[:unix.IFNAMSIZ-1-len(sum)] + sum, whole
}

// An identity is what a host end says of itself: all that is needed to make anew what table inet plumb held of the container. It
// stands in the link's alias (IFLA_IFALIAS) as words:
//
//	plumb NAME ADDRESS/BITS LINK at=SECONDS ns=INODE [pool=PID] [since=SECONDS] [6=ADDRESS/BITS] [net=NETWORK] [host=NAME] [mtu=BYTES]
//	[in=RATE] [out=RATE] [internal] [isolate] [no-host] [fw=LINK]... [fw6=LINK[:SYSCTL=VALUE+...]]... [p=PUBLISH]...
//
// LINK is the container's end, and ADDRESS/BITS "-" where it has no IPv4. What does not fit into 255 bytes goes on in further names of the link, and
// so does at first what a network is that was taken from a pool: name=NAME, and since=SECONDS, with which "pool" is over. See taking.
type identity struct {
	name    string
	addr    netip.Prefix // the container's, in its subnet
	iface   string
	taken   time.Duration // CLOCK_BOOTTIME of its leases
	netns   uint64        // inode of the container's network namespace
	addr6   netip.Prefix
	network string
	host    string // the hostname, where it is not the name
	mtu     uint32 // where it was given
	in, out Rate   // bandwidth limits
	options nat.Options
	changed []nat.Record // what was changed of the host's forwarding for it, and recorded
	publish []Publish
	pool    int           // process that holds it ready, in a pool; 0: it is a container's
	since   time.Duration // CLOCK_BOOTTIME of when it was taken from a pool; 0: it was not
}

// pairs are words, of which some are KEY=VALUE.
type pairs []string

// add adds a pair, unless the value is empty.
//
//go:noinline
func (p *pairs) add(key, value string) {
	if value != "" {
		*p = append(*p, key+"="+value)
	}
}

func (id *identity) words() []string {
	words := pairs{"plumb", id.name, orDash(id.addr), id.iface}
	seconds := func(key string, t time.Duration) {
		if t != 0 {
			words.add(key, string(appendSeconds(nil, t)))
		}
	}
	seconds("at", id.taken)
	if id.netns != 0 {
		words.add("ns", strconv.FormatUint(id.netns, 10))
	}
	if id.pool != 0 {
		words.add("pool", strconv.Itoa(id.pool))
	}
	seconds("since", id.since)
	if id.addr6.IsValid() {
		words.add("6", id.addr6.String())
	}
	words.add("net", id.network)
	if id.host != id.name {
		words.add("host", id.host)
	}
	if id.mtu != 0 {
		words.add("mtu", strconv.FormatUint(uint64(id.mtu), 10))
	}
	if id.in != 0 {
		words.add("in", id.in.String())
	}
	if id.out != 0 {
		words.add("out", id.out.String())
	}
	if id.options != 0 {
		words = append(words, strings.Split(id.options.String(), ",")...)
	}
	for _, r := range id.changed {
		switch {
		case !r.IPv6:
			words.add("fw", r.Link)
		case r.Was == "":
			words.add("fw6", r.Link)
		default:
			words.add("fw6", r.Link+":"+strings.ReplaceAll(r.Was, " ", "+"))
		}
	}
	for i := range id.publish {
		words.add("p", id.publish[i].String())
	}
	return words
}

// appendSeconds appends a time in seconds, to the millisecond.
func appendSeconds(b []byte, t time.Duration) []byte {
	ms := uint64(t.Milliseconds())
	b = append(strconv.AppendUint(b, ms/1000, 10), '.')
	return append(b, byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10))
}

func orDash(p netip.Prefix) string {
	if !p.IsValid() {
		return "-"
	}
	return p.String()
}

const (
	maxAlias   = 255 // IFALIASZ is 256, linux/if.h
	maxAltName = 127 // ALTIFNAMSIZ is 128, linux/if.h
	maxFurther = 64  // further names: what the kernel tells of one link has to fit into one message
)

// text is the alias of the host end with this index, and the further names that it goes on in. Those are unique in the namespace, so
// each begins with the index.
func (id *identity) text(index uint32) (alias string, further []string) {
	words := id.words()
	b := append(make([]byte, 0, maxAlias), words[0]...)
	for words = words[1:]; len(words) > 0 && len(b)+1+len(words[0]) <= maxAlias; words = words[1:] {
		b = append(append(b, ' '), words[0]...)
	}
	alias = string(b)
	for len(words) > 0 {
		name := fmt.Sprintf("%s%d.%03d", furtherPrefix, index, len(further))
		for ; len(words) > 0 && len(name)+1+len(words[0]) <= maxAltName; words = words[1:] {
			name += "," + words[0]
		}
		further = append(further, name)
	}
	return alias, further
}

// furtherPrefix begins the further names in which an identity goes on.
const furtherPrefix = "plumb+"

// parseIdentity reads the words of an identity. ok is false where it is not one of plumb's. Words that it does not know
// are another version's, and nothing to it.
func parseIdentity(words []string) (id identity, ok bool) {
	if len(words) < 4 || words[0] != "plumb" {
		return id, false
	}
	id = identity{name: words[1], host: words[1], iface: words[3]}
	var err error
	if id.addr, err = netip.ParsePrefix(words[2]); err != nil && words[2] != "-" {
		return id, false
	}
	for _, word := range words[4:] {
		key, value, pair := strings.Cut(word, "=")
		if !pair {
			id.options |= nat.ParseOption(key)
			continue
		}
		if !id.set(key, value) {
			return id, false
		}
	}
	if id.since != 0 {
		id.pool = 0 // it was taken, and says so beside what it said before
	}
	return id, id.addr.IsValid() || id.addr6.IsValid()
}

// set sets what a word says. It is false where the value cannot be read.
func (id *identity) set(key, value string) bool {
	var err error
	switch key {
	case "name":
		if value == "" {
			return false
		}
		if id.host == id.name {
			id.host = value
		}
		id.name = value
	case "at", "since":
		var seconds float64
		seconds, err = strconv.ParseFloat(value, 64)
		if !(seconds >= 0 && seconds < 1<<32) { // NaN is neither
			return false
		}
		at := time.Duration(seconds*1000+0.5) * time.Millisecond
		if key == "at" {
			id.taken = at
		} else {
			id.since = at
		}
	case "pool":
		var pid uint64
		pid, err = strconv.ParseUint(value, 10, 31)
		id.pool = int(pid)
	case "ns":
		id.netns, err = strconv.ParseUint(value, 10, 64)
	case "6":
		id.addr6, err = netip.ParsePrefix(value)
	case "net":
		id.network = value
	case "host":
		id.host = value
	case "mtu":
		var mtu uint64
		mtu, err = strconv.ParseUint(value, 10, 32)
		id.mtu = uint32(mtu)
	case "in":
		id.in, err = ParseRate(value)
	case "out":
		id.out, err = ParseRate(value)
	case "fw":
		id.changed = append(id.changed, nat.Record{Link: value})
	case "fw6":
		link, was, _ := strings.Cut(value, ":") // which no link's name has
		id.changed = append(id.changed, nat.Record{Link: link, IPv6: true, Was: strings.ReplaceAll(was, "+", " ")})
	case "p":
		var p Publish
		p, err = ParsePublish(value)
		id.publish = append(id.publish, p)
	}
	return err == nil
}

// has says whether an address is the container's.
func (id *identity) has(a netip.Addr) bool { return id.addr.Addr() == a || id.addr6.Addr() == a }

// address is the container's, IPv4 if it has that.
func (id *identity) address() netip.Addr {
	if id.addr.IsValid() {
		return id.addr.Addr()
	}
	return id.addr6.Addr()
}

// identityOf reads who a link is. ok is false where it is no host end of plumb's.
func identityOf(l *rtnl.Link) (id identity, ok bool) {
	if l == nil || !isHostEnd(l) {
		return id, false
	}
	words := strings.Fields(l.Alias)
	if l.AltNames != nil {
		names := slices.Sorted(slices.Values(l.AltNames.Names)) // their numbers have three digits
		for _, name := range names {
			if strings.HasPrefix(name, furtherPrefix) {
				words = append(words, strings.Split(name, ",")[1:]...)
			}
		}
	}
	return parseIdentity(words)
}

// randomIndex is an index for a new link: high, so that it stays out of the way of those that the kernel gives, and at
// random, so that two processes rarely ask for one and the same.
func (h *Host) randomIndex() uint32 { return 1<<24 + h.random()%(1<<30) }

func (h *Host) random() uint32 {
	if h.chance != nil {
		return h.chance()
	}
	return rand.Uint32()
}

// randomMAC is a locally administered unicast address.
func (h *Host) randomMAC() net.HardwareAddr {
	mac := make(net.HardwareAddr, 6)
	for i := range mac {
		mac[i] = byte(h.random())
	}
	mac[0] = mac[0]&^1 | 2
	return mac
}
