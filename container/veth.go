package container

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"plumb/container/netns"
	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// The three functions here are for a program that has its own container code. It starts a process in a new network
// namespace, calls SetupVeth with its pid, has SetupContainerNetworking called inside, and defers CleanupVeth:
//
//	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
//	...
//	if err := container.SetupVeth("veth0", cmd.Process.Pid); err != nil {
//		return err
//	}
//	defer container.CleanupVeth("veth0")
//
// They make one network of 10.0.0.0/24 with one container in it, 10.0.0.2. Host.Attach is for many.

// SetupVeth makes a pair of links for the process with this pid: vethName here, up, with 10.0.0.1/24, and its peer in the
// process's network namespace. It switches IPv4 forwarding on for the whole host (net.ipv4.ip_forward) and masquerades
// what the container sends. The peer's name is vethName with its trailing number plus one, or with a 1 where it has
// none. Whatever fails, all that was done is undone.
//
// EEXIST is in the error where a link of that name is there, or 10.0.0.2 is leased to another container.
func SetupVeth(vethName string, pid int) error {
	target, err := netns.FromPID(pid)
	if err != nil {
		return fmt.Errorf("set up %s: open the network namespace of process %d: %w", vethName, pid, err)
	}
	defer target.Close()
	h, err := OpenHost(HostOptions{})
	if err != nil {
		return fmt.Errorf("set up %s: %w", vethName, err)
	}
	defer h.Close()
	if err := h.setupVeth(vethName, target); err != nil {
		return fmt.Errorf("set up %s: %w", vethName, err)
	}
	return nil
}

func (h *Host) setupVeth(vethName string, target *netns.NS) error {
	if err := checkInterface(Network{Interface: vethName}); err != nil {
		return err
	}
	n, err := Network{Name: vethName, Subnet: defaultSubnet, Addr: classicAddr, Interface: PeerName(vethName), NoIPv6: true}.complete()
	if err != nil {
		return err
	}
	a := newAttacher(h, n, target)
	defer a.close()
	a.HostLink, a.classic = vethName, true
	if err := a.run(context.Background()); err != nil {
		return errors.Join(err, a.undo.run(&a.story))
	}
	return nil
}

// classicAddr is the address of the one container that SetupVeth makes a network for.
var classicAddr = netip.AddrFrom4([4]byte{10, 0, 0, 2})

// forwardAll switches forwarding on for the whole host, unless it is on, and records first that it was off.
func (h *Host) forwardAll() error {
	if router, err := h.rtnl.Forwards(rtnl.IPv4); err != nil || router {
		return err
	}
	if err := h.nat.Record(nat.Record{Link: globalForwarding}); err != nil {
		return fmt.Errorf("record that the host is to forward: %w", err)
	}
	return h.setGlobalForwarding(true)
}

// CleanupVeth takes back what SetupVeth made: the rules, then the pair of links, and net.ipv4.ip_forward where SetupVeth
// switched it on and nobody else needs it. It is happy if all of it, or a part, is gone already.
func CleanupVeth(vethName string) error {
	h, err := OpenHost(HostOptions{})
	if err != nil {
		return fmt.Errorf("clean up %s: %w", vethName, err)
	}
	defer h.Close()
	if _, err := h.detach(vethName, vethName, vethName); err != nil {
		return fmt.Errorf("clean up %s: %w", vethName, err)
	}
	return nil
}

// SetupContainerNetworking is called inside the container, by a thread in its network namespace: it gives the link
// peerName the address 10.0.0.2/24 and sets it up, makes 10.0.0.1 the default gateway, and sets lo up. Whatever
// fails, all that was done is undone.
func SetupContainerNetworking(peerName string) error {
	conn, err := rtnl.Dial(wire.Config{Namespace: "container"})
	if err != nil {
		return fmt.Errorf("set up %s: %w", peerName, err)
	}
	defer conn.Close()
	link, err := conn.LinkByName(peerName)
	if err != nil {
		return fmt.Errorf("set up %s: %w", peerName, err)
	}
	if err := setUpClassic(conn, link); err != nil {
		return fmt.Errorf("set up %s: %w", peerName, err)
	}
	return nil
}

// setUpClassic sets the container's end up. As in setUpInside, lo comes last.
func setUpClassic(conn *rtnl.Conn, link *rtnl.Link) error {
	addr := rtnl.AddrOf(link.Index, netip.PrefixFrom(classicAddr, defaultSubnet.Bits()), 0)
	gateway := gatewayOf(defaultSubnet)
	route := rtnl.Via(link.Index, rtnl.Default(gateway), gateway)
	err := conn.Do(
		rtnl.SetAddrGenMode(link.Index, rtnl.AddrGenModeNone, "give "+link.Name+" no IPv6 address of its own"),
		rtnl.NewAddr(addr, "give "+link.Name+" the address 10.0.0.2/24"),
		rtnl.SetUp(link.Index, "set "+link.Name+" up"),
		rtnl.NewRoute(route, "reach everything through the gateway "+gateway.String()),
	)
	refused := first(err)
	if refused == nil {
		if refused = conn.Do(rtnl.SetUp(loIndex, "set lo up")); refused == nil {
			return nil
		}
	}
	var u undo
	if refusedAt(err, 1) == nil {
		u.add("take the address off again", func() error { return conn.Do(rtnl.DelAddr(addr, "take 10.0.0.2/24 off "+link.Name)) })
	}
	if link.Flags&unix.IFF_UP == 0 && refusedAt(err, 2) == nil {
		u.add("set it down again", func() error { return conn.Do(rtnl.SetDown(link.Index, "set "+link.Name+" down again")) })
	}
	if refusedAt(err, 3) == nil {
		u.add("remove the route again", func() error { return conn.Do(rtnl.DelRoute(route, "remove the default route again")) })
	}
	return errors.Join(refused, u.run(&story{}))
}

// PeerName is the name that SetupVeth gives the container's end: veth1 for veth0.
func PeerName(vethName string) string {
	stem := strings.TrimRight(vethName, "0123456789")
	number, err := strconv.ParseUint(vethName[len(stem):], 10, 32)
	if err != nil {
		return vethName + "1"
	}
	return stem + strconv.FormatUint(number+1, 10)
}
