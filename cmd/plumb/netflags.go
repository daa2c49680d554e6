package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"

	"plumb/container"

	"golang.org/x/sys/unix"
)

// networkFlags are the options of a container's network, which run and attach share.
type networkFlags struct {
	network container.Network
	tracing
}

// register adds the options to f.
func (n *networkFlags) register(f *flags) {
	f.StringVar(&n.network.Network, "network", "", "`NAME` of the network to join, which has subnets of its own (default: the one of the subnet)")
	f.Func("subnet", "the network's IPv4 `PREFIX`, or off (default 10.0.0.0/24, or the next /24 where the host uses that)", func(s string) error {
		return parseSubnet(s, &n.network.Subnet, &n.network.NoIPv4, "an IPv4 prefix such as 10.0.0.0/24, or off, is needed")
	})
	f.Func("subnet6", "the network's IPv6 `PREFIX`, or off (default fd70:6c75:6d62::/64, or the next /64)", func(s string) error {
		return parseSubnet(s, &n.network.Subnet6, &n.network.NoIPv6, "an IPv6 prefix such as fd00:1::/64, or off, is needed")
	})
	f.Func("ip", "the container's IPv4 `ADDRESS` in the subnet (default: the lowest that is free)", func(s string) (err error) {
		n.network.Addr, err = netip.ParseAddr(s)
		return explainParse(err, "an IPv4 address such as 10.0.0.7 is needed")
	})
	f.Func("ip6", "the container's IPv6 `ADDRESS` in the subnet (default: the lowest that is free)", func(s string) (err error) {
		n.network.Addr6, err = netip.ParseAddr(s)
		return explainParse(err, "an IPv6 address such as fd70:6c75:6d62::7 is needed")
	})
	publish := func(s string) error {
		p, err := container.ParsePublish(s)
		n.network.Publish = append(n.network.Publish, p)
		return err
	}
	f.Func("publish", "have ports of the host's lead to the container's, repeatable: `[HOSTIP:][HOSTPORT[-HOSTPORT]:]PORT[-PORT][/tcp|udp|sctp]`", publish)
	f.Func("p", "the same as --publish: `PUBLISH`", publish)
	f.StringVar(&n.network.Interface, "ifname", "", "`NAME` of the container's interface (default eth0)")
	f.Func("mtu", "largest packet, in `BYTES` (default: the uplink's)", func(s string) error {
		var err error
		n.network.MTU, err = parseMTU(s)
		return err
	})
	f.Func("mac", "the container's Ethernet `ADDRESS` (default: a random one)", func(s string) (err error) {
		n.network.MAC, err = net.ParseMAC(s)
		return explainParse(err, "an Ethernet address such as 02:00:00:00:00:07 is needed")
	})
	f.BoolVar(&n.network.Internal, "internal", false, "no way out: reach the gateway and the other containers of the subnet only")
	f.BoolVar(&n.network.Isolate, "isolate", false, "no way to other containers, nor from them, but by published ports")
	f.BoolVar(&n.network.NoHost, "no-host", false, "no way to the host's own services, which are else reached by the gateway's address")
	f.Func("rate-in", "limit of what the container receives: `RATE` in bits a second such as 10mbit, as tc reads it", func(s string) (err error) {
		n.network.RateIn, err = container.ParseRate(s)
		return err
	})
	f.Func("rate-out", "limit of what it sends: `RATE`", func(s string) (err error) {
		n.network.RateOut, err = container.ParseRate(s)
		return err
	})
	f.Func("uplink", "host `INTERFACE` to forward to, repeatable (default: those with a default route)", func(s string) error {
		n.network.Uplinks = append(n.network.Uplinks, s)
		return nil
	})
	n.registerTrace(f)
}

// parseSubnet reads a prefix, or "off".
func parseSubnet(s string, subnet *netip.Prefix, off *bool, needed string) (err error) {
	*subnet, *off = netip.Prefix{}, s == "off"
	if !*off {
		*subnet, err = netip.ParsePrefix(s)
	}
	return explainParse(err, needed)
}

func parseMTU(s string) (uint32, error) {
	mtu, err := strconv.ParseUint(s, 10, 32)
	if err != nil || mtu == 0 {
		return 0, fmt.Errorf("a number of bytes such as 1500 is needed")
	}
	return uint32(mtu), nil
}

// explainParse says what is needed where the standard library says what it did not like.
func explainParse(err error, needed string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s", needed)
}

// notice tells the user what is no failure.
func notice(s string) { fmt.Fprintln(os.Stderr, "plumb: note: "+s) }

// colour says whether f is a terminal whose user wants colour: https://no-color.org.
func colour(f *os.File) bool {
	return isTerminal(f) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
