package container

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"
)

// A Network says what network a container gets. The zero value of all but Name stands for what is usual.
type Network struct {
	Name      string           // the container's, at most 63 bytes of letters, digits, and "_.-" after the first
	Subnet    netip.Prefix     // 10.0.0.0/24 where it is not given; its first address is the gateway's
	Addr      netip.Addr       // the container's own; the lowest free one where it is not given
	Interface string           // the container's link, at most 15 bytes; "eth0" where it is not given
	MTU       uint32           // bytes; the uplink's where it is 0
	MAC       net.HardwareAddr // of the container's link; chosen at random where it is nil
	Internal  bool             // no way out: the container reaches its gateway and its neighbours only
	Uplinks   []string         // links to forward to; those with a default route where it is nil
}

// Defaults of a Network.
var (
	defaultSubnet = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, 0}), 24)
)

const (
	defaultInterface = "eth0"
	maxName          = 63    // a DNS label: the name is the hostname, too (RFC 1035, section 2.3.4)
	maxMTU           = 65535 // ETH_MAX_MTU, linux/if_ether.h
	minMTU           = 68    // RFC 791: every module must forward 68 octets
)

// A FlagError is a part of a Network that cannot be meant. Field is the name of the option that sets it.
type FlagError struct {
	Field, Value, Why string
}

func (e *FlagError) Error() string { return fmt.Sprintf("%s %q: %s", e.Field, e.Value, e.Why) }

// complete checks n, and returns it with what is usual in the place of what is not given. Addr and MTU stay as they are.
func (n Network) complete() (Network, error) {
	if n.Interface == "" {
		n.Interface = defaultInterface
	}
	if !n.Subnet.IsValid() {
		n.Subnet = defaultSubnet
	}
	for _, check := range []func(Network) error{checkName, checkInterface, checkSubnet, checkAddr, checkLink} {
		if err := check(n); err != nil {
			return n, err
		}
	}
	return n, nil
}

// checkName keeps to what a link's further name, a hostname and a comment in nftables can all hold.
func checkName(n Network) error {
	switch {
	case n.Name == "":
		return &FlagError{"name", n.Name, "a container needs a name"}
	case len(n.Name) > maxName:
		return &FlagError{"name", n.Name, fmt.Sprintf("%d bytes long, %d is the most", len(n.Name), maxName)}
	}
	for i, r := range n.Name {
		alnum := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !alnum && (i == 0 || !strings.ContainsRune("_.-", r)) {
			return &FlagError{"name", n.Name, fmt.Sprintf("%q cannot stand there: letters, digits, and after the first also _ . - can", r)}
		}
	}
	return nil
}

// checkInterface keeps to what the kernel takes as a link's name: dev_valid_name, net/core/dev.c.
func checkInterface(n Network) error {
	name := n.Interface
	switch {
	case len(name) >= unix.IFNAMSIZ:
		return &FlagError{"ifname", name, fmt.Sprintf("%d bytes long, %d is the most", len(name), unix.IFNAMSIZ-1)}
	case name == "." || name == "..":
		return &FlagError{"ifname", name, "it would be a directory in /sys"}
	case name == "lo":
		return &FlagError{"ifname", name, "it is the loopback link's name"}
	case strings.ContainsAny(name, "/: \t\n\v\f\r\x00%"):
		return &FlagError{"ifname", name, "it may hold no space, slash, colon or percent sign"}
	}
	return nil
}

func checkSubnet(n Network) error {
	s := n.Subnet
	switch {
	case !s.Addr().Is4():
		return &FlagError{"subnet", s.String(), "an IPv4 prefix such as 10.0.0.0/24 is needed"}
	case s != s.Masked():
		return &FlagError{"subnet", s.String(), "it has bits set beyond its length: " + s.Masked().String() + " is the subnet"}
	case s.Bits() > 30:
		return &FlagError{"subnet", s.String(), "it has no room for a gateway and a container: /30 is the smallest"}
	case s.Bits() < 8:
		return &FlagError{"subnet", s.String(), "/8 is the largest"}
	case s.Addr().IsLoopback() || s.Addr().IsMulticast() || s.Addr().IsLinkLocalUnicast() || s.Addr().As4()[0] == 0 || s.Addr().As4()[0] >= 240:
		return &FlagError{"subnet", s.String(), "its addresses cannot be given to hosts"}
	}
	return nil
}

func checkAddr(n Network) error {
	a := n.Addr
	if !a.IsValid() {
		return nil
	}
	first, last := hosts(n.Subnet)
	switch {
	case !n.Subnet.Contains(a):
		return &FlagError{"ip", a.String(), "it is not in the subnet " + n.Subnet.String()}
	case a == gatewayOf(n.Subnet):
		return &FlagError{"ip", a.String(), "it is the gateway's"}
	case a.Less(first) || last.Less(a):
		return &FlagError{"ip", a.String(), "it is the subnet's own address, or its broadcast address"}
	}
	return nil
}

func checkLink(n Network) error {
	if n.MTU != 0 && (n.MTU < minMTU || n.MTU > maxMTU) {
		return &FlagError{"mtu", fmt.Sprint(n.MTU), fmt.Sprintf("it must be from %d to %d bytes", minMTU, maxMTU)}
	}
	if n.MAC == nil {
		return nil
	}
	switch {
	case len(n.MAC) != 6:
		return &FlagError{"mac", n.MAC.String(), "an Ethernet address has 6 bytes"}
	case n.MAC[0]&1 != 0:
		return &FlagError{"mac", n.MAC.String(), "it is a multicast address"}
	case n.MAC.String() == "00:00:00:00:00:00":
		return &FlagError{"mac", n.MAC.String(), "it is no address"}
	}
	return nil
}

// gatewayOf is the address that the host has in a subnet: its first.
func gatewayOf(subnet netip.Prefix) netip.Addr { return subnet.Addr().Next() }

// hosts are the first and the last address of a subnet that a container can have.
func hosts(subnet netip.Prefix) (first, last netip.Addr) {
	b := subnet.Addr().As4()
	for i := range b {
		free := min(max(32-subnet.Bits()-8*(3-i), 0), 8)
		b[i] |= byte(1<<free - 1)
	}
	return gatewayOf(subnet).Next(), netip.AddrFrom4(b).Prev()
}
