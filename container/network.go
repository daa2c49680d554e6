package container

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"plumb/nat"

	"golang.org/x/sys/unix"
)

// A Network says what network a container gets. The zero value of all but Name stands for what is usual.
type Network struct {
	Name     string // the container's, at most 63 bytes of letters, digits, and "_.-" after the first
	Hostname string // by which other containers find it beside its name; at most 64 bytes

	Network string       // name of the network that it joins, at most 15 bytes; "" for the one of its subnet
	Subnet  netip.Prefix // 10.0.0.0/24, or what the network has, where it is not given; its first address is the gateway's
	Subnet6 netip.Prefix // fd70:6c75:6d62::/64 where it is not given
	NoIPv4  bool
	NoIPv6  bool
	Addr    netip.Addr // the container's own; the lowest free one where it is not given
	Addr6   netip.Addr

	Interface string           // the container's link, at most 15 bytes; "eth0" where it is not given
	MTU       uint32           // bytes; the uplink's where it is 0
	MAC       net.HardwareAddr // of the container's link; chosen at random where it is nil
	Uplinks   []string         // links to forward to; those with a default route where it is nil

	Internal bool      // no way out: the container reaches its gateway and its neighbours only
	Isolate  bool      // no way to other containers, nor from them, but by published ports
	NoHost   bool      // no way to the host's own services
	Publish  []Publish // ports of the host's that lead to the container's
	RateIn   Rate      // limit of what the container receives; 0: none
	RateOut  Rate      // limit of what it sends

	pool int // process that holds it ready, in a pool
}

// Defaults of a Network. The second is a unique local address (RFC 4193) whose 40 bits are "plumb" in ASCII.
var (
	defaultSubnet  = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, 0}), 24)
	defaultSubnet6 = netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, 'p', 'l', 'u', 'm', 'b'}), 64)
)

const (
	defaultInterface = "eth0"
	maxName          = 63    // a DNS label: the name is the hostname, too (RFC 1035, section 2.3.4)
	maxMTU           = 65535 // ETH_MAX_MTU, linux/if_ether.h
	minMTU           = 68    // RFC 791: every module must forward 68 octets
	minMTU6          = 1280  // RFC 8200, section 5
)

// A FlagError is a part of a Network that cannot be meant. Field is the name of the option that sets it.
type FlagError struct {
	Field, Value, Why string
}

func (e *FlagError) Error() string { return fmt.Sprintf("%s %q: %s", e.Field, e.Value, e.Why) }

// complete checks n, and returns it with what is usual in the place of what is not given. Subnets, addresses and MTU stay as they are.
func (n Network) complete() (Network, error) {
	if n.Interface == "" {
		n.Interface = defaultInterface
	}
	if n.Hostname == "" {
		n.Hostname = n.Name
	}
	for _, check := range []func(Network) error{
		checkName, checkNetwork, checkInterface, checkFamilies, checkSubnet, checkSubnet6, checkAddrs, checkLink, checkOptions, checkPublish,
	} {
		if err := check(n); err != nil {
			return n, err
		}
	}
	return n, nil
}

// checkName keeps to what a link's further name, a hostname and a comment in nftables can all hold.
func checkName(n Network) error {
	if n.Name == "" {
		return &FlagError{"name", n.Name, "a container needs a name"}
	}
	if err := checkWord("name", n.Name, maxName); err != nil || n.Hostname == n.Name {
		return err
	}
	if err := checkOwnName(n.Hostname); err != nil {
		return &FlagError{"hostname", n.Hostname, err.Error()}
	}
	return nil
}

func checkNetwork(n Network) error {
	if n.Network == "" {
		return nil
	}
	return checkWord("network", n.Network, unix.IFNAMSIZ-1)
}

func checkWord(field, word string, most int) error {
	if len(word) > most {
		return &FlagError{field, word, fmt.Sprintf("%d bytes long, %d is the most", len(word), most)}
	}
	for i, r := range word {
		alnum := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !alnum && (i == 0 || !strings.ContainsRune("_.-", r)) {
			return &FlagError{field, word, fmt.Sprintf("%q cannot stand there: letters, digits, and after the first also _ . - can", r)}
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
	case name == "all" || name == "default":
		return &FlagError{"ifname", name, "in /proc/sys/net it stands for all links, or new ones"}
	case strings.ContainsAny(name, "/: \t\n\v\f\r\x00%"):
		return &FlagError{"ifname", name, "it may hold no space, slash, colon or percent sign"}
	}
	return nil
}

// checkFamilies sees that what is given of a family is not given of one that is off.
func checkFamilies(n Network) error {
	switch {
	case n.NoIPv4 && n.NoIPv6:
		return &FlagError{"subnet6", "off", "with --subnet off as well there is no network left"}
	case n.NoIPv4 && n.Addr.IsValid():
		return &FlagError{"ip", n.Addr.String(), "the container has no IPv4: --subnet is off"}
	case n.NoIPv6 && n.Addr6.IsValid():
		return &FlagError{"ip6", n.Addr6.String(), "the container has no IPv6: --subnet6 is off"}
	}
	return nil
}

func checkSubnet(n Network) error {
	s := n.Subnet
	if !s.IsValid() {
		return nil
	}
	switch {
	case !s.Addr().Is4():
		return &FlagError{"subnet", s.String(), "an IPv4 prefix such as 10.0.0.0/24 is needed; IPv6 is for --subnet6"}
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

func checkSubnet6(n Network) error {
	s := n.Subnet6
	if !s.IsValid() {
		return nil
	}
	switch {
	case !s.Addr().Is6() || s.Addr().Is4In6():
		return &FlagError{"subnet6", s.String(), "an IPv6 prefix such as fd00:1::/64 is needed; IPv4 is for --subnet"}
	case s != s.Masked():
		return &FlagError{"subnet6", s.String(), "it has bits set beyond its length: " + s.Masked().String() + " is the subnet"}
	case s.Bits() > 126:
		return &FlagError{"subnet6", s.String(), "it has no room for a gateway and a container: /126 is the smallest"}
	case s.Bits() < 16:
		return &FlagError{"subnet6", s.String(), "/16 is the largest"}
	case s.Addr().IsMulticast() || s.Addr().IsLinkLocalUnicast() || s.Contains(netip.IPv6Loopback()):
		return &FlagError{"subnet6", s.String(), "its addresses cannot be given to hosts"}
	}
	return nil
}

// checkAddrs sees that addresses are of their families, and in the subnets where those are known already.
func checkAddrs(n Network) error {
	if a := n.Addr; a.IsValid() && !a.Is4() {
		return &FlagError{"ip", a.String(), "an IPv4 address is needed; IPv6 is for --ip6"}
	}
	if a := n.Addr6; a.IsValid() && (!a.Is6() || a.Is4In6() || a.Zone() != "") {
		return &FlagError{"ip6", a.String(), "an IPv6 address without a zone is needed; IPv4 is for --ip"}
	}
	if err := checkAddrIn("ip", n.Addr, n.Subnet); err != nil {
		return err
	}
	return checkAddrIn("ip6", n.Addr6, n.Subnet6)
}

// checkAddrIn sees that a container can have the address in the subnet, if both are there.
func checkAddrIn(field string, a netip.Addr, subnet netip.Prefix) error {
	if !a.IsValid() || !subnet.IsValid() {
		return nil
	}
	first, last := hosts(subnet)
	switch {
	case !subnet.Contains(a):
		return &FlagError{field, a.String(), "it is not in the subnet " + subnet.String()}
	case a == gatewayOf(subnet):
		return &FlagError{field, a.String(), "it is the gateway's"}
	case a.Less(first) || last.Less(a):
		return &FlagError{field, a.String(), "it is the subnet's own address, or its broadcast address"}
	}
	return nil
}

func checkLink(n Network) error {
	if n.MTU != 0 && (n.MTU < minMTU || n.MTU > maxMTU) {
		return &FlagError{"mtu", fmt.Sprint(n.MTU), fmt.Sprintf("it must be from %d to %d bytes", minMTU, maxMTU)}
	}
	if n.MTU != 0 && n.MTU < minMTU6 && (n.Subnet6.IsValid() || n.Addr6.IsValid() || n.NoIPv4) {
		return &FlagError{"mtu", fmt.Sprint(n.MTU), fmt.Sprintf("IPv6 needs %d bytes at least", minMTU6)}
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

func checkOptions(n Network) error {
	if n.Internal && len(n.Publish) > 0 {
		return &FlagError{"publish", n.Publish[0].String(), "an --internal container has no way out, not for an answer either"}
	}
	for _, limit := range []struct {
		field string
		rate  Rate
	}{{"rate-in", n.RateIn}, {"rate-out", n.RateOut}} {
		if limit.rate == 0 {
			continue
		}
		if err := checkRate(limit.rate, limit.rate.String()); err != nil {
			return &FlagError{limit.field, limit.rate.String(), err.Error()}
		}
	}
	return nil
}

// options are n's for the table.
func (n *Network) options() nat.Options {
	var o nat.Options
	for _, option := range []struct {
		on  bool
		bit nat.Options
	}{{n.Internal, nat.Internal}, {n.Isolate, nat.Isolate}, {n.NoHost, nat.NoHost}} {
		if option.on {
			o |= option.bit
		}
	}
	return o
}

func optionsOf(o nat.Options) (internal, isolate, noHost bool) {
	return o&nat.Internal != 0, o&nat.Isolate != 0, o&nat.NoHost != 0
}

// gatewayOf is the address that the host has in a subnet: its first.
func gatewayOf(subnet netip.Prefix) netip.Addr { return subnet.Addr().Next() }

// hosts are the first and the last address of a subnet that a container can have. IPv6 has no broadcast address.
func hosts(subnet netip.Prefix) (first, last netip.Addr) {
	b := subnet.Addr().AsSlice()
	for i := range b {
		free := min(max(8*len(b)-subnet.Bits()-8*(len(b)-1-i), 0), 8)
		b[i] |= byte(1<<free - 1)
	}
	last, _ = netip.AddrFromSlice(b)
	if last.Is4() {
		last = last.Prev()
	}
	return gatewayOf(subnet).Next(), last
}
