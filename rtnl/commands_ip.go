package rtnl

import (
	"fmt"
	"net/netip"
	"strconv"

	"plumb/rtnl/shell"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// scopeNames are ip's (/etc/iproute2/rt_scopes).
func scopeName(s Scope) string {
	switch s {
	case unix.RT_SCOPE_UNIVERSE:
		return "global"
	case unix.RT_SCOPE_SITE:
		return "site"
	case unix.RT_SCOPE_LINK:
		return "link"
	case unix.RT_SCOPE_HOST:
		return "host"
	case unix.RT_SCOPE_NOWHERE:
		return "nowhere"
	}
	return strconv.Itoa(int(s))
}

// protocolName is ip's name of who sets a route (/etc/iproute2/rt_protos).
func protocolName(p RouteProtocol) string {
	switch p {
	case unix.RTPROT_KERNEL:
		return "kernel"
	case unix.RTPROT_BOOT:
		return "boot"
	case unix.RTPROT_STATIC:
		return "static"
	case unix.RTPROT_RA:
		return "ra"
	case unix.RTPROT_DHCP:
		return "dhcp"
	}
	return strconv.Itoa(int(p))
}

// prefixText is an address with its prefix, and without where it has all bits.
func prefixText(a netip.Addr, bits uint8) string {
	if int(bits) == a.BitLen() {
		return a.String()
	}
	return a.String() + "/" + strconv.Itoa(int(bits))
}

// lifetime is a time in seconds as ip reads it.
func lifetime(seconds uint32) string {
	if seconds == 1<<32-1 {
		return "forever"
	}
	return strconv.FormatUint(uint64(seconds), 10)
}

// addr is the command of a message about an address.
func (w *commander) addr(typ uint16, a *Addr) []string {
	s := command{"ip", "addr"}
	family, index, bits := take(&a.Family), take(&a.Index), take(&a.PrefixLen)
	if typ == getAddr.Type {
		s = append(families(family), "addr", "show")
		if index != 0 {
			s.say("dev", w.name(index))
		}
		return said(&addrTable, a, s)
	}
	local, address := take(&a.Local), take(&a.Address)
	if !local.IsValid() && family == IPv6 {
		local = address
	}
	if !local.IsValid() || !address.IsValid() {
		return nil
	}
	s.say(w.addrVerb(typ))
	if local == address {
		s.say(fmt.Sprintf("%s/%d", local, bits))
	} else {
		s.say(local.String(), "peer", prefixText(address, bits))
	}
	s.say("dev", w.name(index))
	if b := take(&a.Broadcast); b.IsValid() {
		s.say("broadcast", b.String())
	}
	usual := Scope(unix.RT_SCOPE_UNIVERSE) // default_scope, ip/ipaddress.c of iproute2
	if local.Is4() && local.IsLoopback() {
		usual = unix.RT_SCOPE_HOST
	}
	if scope := take(&a.Scope); scope != usual && typ == newAddr.Type {
		s.say("scope", scopeName(scope))
	}
	s.text("label", take(&a.Label))
	if typ == delAddr.Type { // the kernel looks at nothing else (inet_rtm_deladdr, net/ipv4/devinet.c)
		return []string{shell.Words(s...)}
	}
	s = append(s, addrFlagWords(a)...)
	s.number("metric", uint64(take(&a.Priority)))
	s.number("proto", uint64(take(&a.Protocol)))
	if a.CacheInfo != nil {
		info := take(&a.CacheInfo)
		s.say("valid_lft", lifetime(info.Valid), "preferred_lft", lifetime(info.Preferred))
	}
	return said(&addrTable, a, s)
}

func (w *commander) addrVerb(typ uint16) string {
	if typ == delAddr.Type {
		return "del"
	}
	return w.verb()
}

// addrFlagWords are ip's command for the flags that it can set. They are taken out of the address.
func addrFlagWords(a *Addr) command {
	var s command
	flags := take(&a.Flags) | AddrFlags(take(&a.FlagsLow))
	for _, f := range []struct {
		flag AddrFlags
		word string
	}{
		{unix.IFA_F_NODAD, "nodad"},
		{unix.IFA_F_OPTIMISTIC, "optimistic"},
		{unix.IFA_F_HOMEADDRESS, "home"},
		{unix.IFA_F_MANAGETEMPADDR, "mngtmpaddr"},
		{unix.IFA_F_NOPREFIXROUTE, "noprefixroute"},
		{unix.IFA_F_MCAUTOJOIN, "autojoin"},
	} {
		if flags&f.flag != 0 {
			s.say(f.word)
			flags &^= f.flag
		}
	}
	a.Flags = flags
	return s
}

// neigh is the command of a message about a neighbour.
func (w *commander) neigh(typ uint16, n *Neigh) []string {
	family, index, address := take(&n.Family), take(&n.Index), take(&n.Address)
	if typ == getNeigh.Type {
		s := append(families(family), "neigh", "show")
		if index != 0 {
			s.say("dev", w.name(index))
		}
		return said(&neighTable, n, s)
	}
	if !address.IsValid() {
		return nil
	}
	verb := w.verb()
	if typ == delNeigh.Type {
		verb = "del"
	}
	s := command{"ip", "neigh", verb, address.String()}
	s.text("lladdr", take(&n.LLAddress).String())
	s.say("dev", w.name(index))
	switch take(&n.State) {
	case 0:
	case unix.NUD_PERMANENT:
		s.say("nud", "permanent")
	case unix.NUD_REACHABLE:
		s.say("nud", "reachable")
	case unix.NUD_STALE:
		s.say("nud", "stale")
	case unix.NUD_NOARP:
		s.say("nud", "noarp")
	default:
		return nil
	}
	return said(&neighTable, n, s)
}

// netconf is the command that asks whether there is forwarding.
func (w *commander) netconf(n *Netconf) []string {
	family, index := take(&n.Family), take(&n.Index)
	var s command
	switch {
	case w.has(netlink.Dump):
		s = append(families(family), "netconf", "show")
	case index > 0:
		s = append(families(family), "netconf", "show", "dev", w.name(uint32(index)))
	case index == NetconfAll && family == IPv4:
		s = command{"sysctl", "net.ipv4.ip_forward"}
	case index == NetconfAll && family == IPv6:
		s = command{"sysctl", "net.ipv6.conf.all.forwarding"}
	default:
		return nil
	}
	return said(&netconfTable, n, s)
}
