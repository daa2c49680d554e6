package container

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"

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

// An identity is what a host end says of itself, in its alias (IFLA_IFALIAS). It is written "plumb NAME ADDR/BITS LINK",
// where LINK is the container's end.
type identity struct {
	name  string
	addr  netip.Prefix // the container's, in its subnet
	iface string
}

func (id identity) String() string {
	return strings.Join([]string{"plumb", id.name, id.addr.String(), id.iface}, " ")
}

// parseIdentity reads an alias. ok is false where it is not one of plumb's.
func parseIdentity(alias string) (id identity, ok bool) {
	words := strings.Fields(alias)
	if len(words) < 4 || words[0] != "plumb" {
		return id, false
	}
	addr, err := netip.ParsePrefix(words[2])
	if err != nil {
		return id, false
	}
	return identity{name: words[1], addr: addr, iface: words[3]}, true
}

// identityOf reads who a link is. ok is false where it is no host end of plumb's.
func identityOf(l *rtnl.Link) (id identity, ok bool) {
	if l == nil || l.Group != LinkGroup {
		return id, false
	}
	return parseIdentity(l.Alias)
}

// randomIndex is an index for a new link: high, so that it stays out of the way of those that the kernel gives, and at
// random, so that two processes rarely ask for one and the same.
func randomIndex() uint32 { return 1<<24 + rand.Uint32N(1<<30) }

// randomMAC is a locally administered unicast address.
func randomMAC() net.HardwareAddr {
	mac := make(net.HardwareAddr, 6)
	for i := range mac {
		mac[i] = byte(rand.Uint32())
	}
	mac[0] = mac[0]&^1 | 2
	return mac
}
