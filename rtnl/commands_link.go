package rtnl

import (
	"fmt"
	"strconv"

	"plumb/rtnl/shell"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// link is the commands of a message about a link.
func (w *commander) link(typ uint16, l *Link) []string {
	switch {
	case typ == getLink.Type:
		return w.showLink(l)
	case typ == delLink.Type:
		return w.deleteLink(l)
	case typ == newLinkProp.Type:
		return w.altNames("add", l)
	case typ == delLinkProp.Type:
		return w.altNames("del", l)
	case typ == newLink.Type && w.has(netlink.Create):
		return w.addLink(l)
	}
	return w.setLink(l)
}

func (w *commander) showLink(l *Link) []string {
	l.ExtMask = 0 // what else it tells is not what it is about
	s := command{"ip", "link", "show"}
	if w.has(netlink.Dump) {
		if master := take(&l.Master); master != 0 {
			s.say("master", w.name(master))
		}
		return said(&linkTable, l, s)
	}
	name := takeName(l)
	if index := take(&l.Index); name == "" {
		name = w.known(index)
	}
	if name == "" {
		return nil
	}
	s.say("dev", name)
	return said(&linkTable, l, s)
}

// takeName is the name that a link is meant by, which may be a further one.
func takeName(l *Link) string {
	if len(l.Unrecognised) == 1 && l.Unrecognised[0].Type == unix.IFLA_ALT_IFNAME {
		return showName(take(&l.Unrecognised)[0].Data)
	}
	return take(&l.Name)
}

// showName is a name that may end with a NUL.
func showName(b []byte) string {
	if n := len(b); n > 0 && b[n-1] == 0 {
		b = b[:n-1]
	}
	return string(b)
}

func (w *commander) deleteLink(l *Link) []string {
	index, name, group := take(&l.Index), take(&l.Name), take(&l.Group)
	s := command{"ip", "link", "delete"}
	switch {
	case index != 0:
		s.say("dev", w.name(index))
	case name != "":
		s.say("dev", name)
	case group != 0:
		s.number("group", uint64(group))
	}
	return said(&linkTable, l, s)
}

func (w *commander) altNames(verb string, l *Link) []string {
	s := command{"ip", "link", "property", verb, "dev", w.name(take(&l.Index))}
	if l.AltNames != nil {
		for _, name := range take(&l.AltNames).Names {
			if name != tooLong { // see AddAltNamesQuietly
				s.say("altname", name)
			}
		}
	}
	return said(&linkTable, l, s)
}

// addLink is ip link add. Of what makes a kind special it knows a veth's peer.
func (w *commander) addLink(l *Link) []string {
	if l.Info == nil || l.Name == "" {
		return nil
	}
	w.learn(w.namespace, l.Index, l.Name)
	s := append(command{"ip", "link", "add", take(&l.Name)}, w.properties(l)...)
	s.say("type", take(&l.Info.Kind))
	veth, isVeth := l.Info.Data.(*Veth)
	if isVeth && veth.Peer != nil {
		peer := veth.Peer
		l.Info.Data = nil
		if there := w.target(peer); there != "" {
			w.learn(there, peer.Index, peer.Name)
		}
		s.say("peer")
		s = append(s, w.properties(peer)...)
		if said(&linkAttrs, peer, nil) == nil {
			return nil
		}
	}
	if l.Info.Data == nil && l.Info.Rest == nil {
		l.Info = nil
	}
	return said(&linkTable, l, s)
}

// target is the namespace that a link is made in, or moved to, as far as it is known.
func (w *commander) target(l *Link) string {
	switch {
	case l.NetNSFd == nil && l.NetNSPid == 0:
		return w.namespace
	case l.NetNSFd != nil && w.Namespace != nil:
		return w.Namespace(*l.NetNSFd)
	}
	return ""
}

// properties are what can be said of a link, made or changed. They are taken out of it.
func (w *commander) properties(l *Link) command {
	var s command
	s.number("index", uint64(take(&l.Index)))
	s.text("name", take(&l.Name))
	if link := take(&l.Link); link != 0 {
		s.say("link", w.name(link))
	}
	s.text("address", take(&l.Address).String())
	s.text("broadcast", take(&l.Broadcast).String())
	s.number("mtu", uint64(take(&l.MTU)))
	s.number("txqueuelen", uint64(take(&l.TxQueueLen)))
	s.number("numtxqueues", uint64(take(&l.NumTxQueues)))
	s.number("numrxqueues", uint64(take(&l.NumRxQueues)))
	s.number("group", uint64(take(&l.Group)))
	if master := take(&l.Master); master != 0 {
		s.say("master", w.name(master))
	}
	s.text("alias", take(&l.Alias))
	s.text("netns", w.netns(l))
	if l.Change == unix.IFF_UP || l.Change == 0 && l.Flags == unix.IFF_UP {
		s.say(map[LinkFlags]string{unix.IFF_UP: "up", 0: "down"}[take(&l.Flags)])
		l.Change = 0
	}
	return s
}

// netns is how ip names the namespace that a link is to be in; "" where the message does not say one.
func (w *commander) netns(l *Link) string {
	name := w.target(l)
	pid, fd := take(&l.NetNSPid), take(&l.NetNSFd)
	switch {
	case pid != 0:
		return strconv.FormatUint(uint64(pid), 10)
	case fd == nil:
		return ""
	case name != "":
		return name
	}
	return fmt.Sprintf("/proc/self/fd/%d", *fd)
}

// setLink is ip link set, and sysctl for what ip does not set.
func (w *commander) setLink(l *Link) []string {
	var name string
	if index := take(&l.Index); index != 0 {
		name = w.name(index)
		w.learn(w.namespace, index, l.Name)
	} else {
		name = takeName(l)
	}
	sysctls := command{"sysctl", "-w"}
	if l.AF != nil && l.AF.Inet != nil {
		for _, c := range take(&l.AF.Inet).Conf {
			sysctls.say(sysctl("ipv4", name, c.ID.String()) + "=" + strconv.FormatUint(uint64(c.Value), 10))
		}
	}
	s := append(command{"ip", "link", "set", "dev", name}, w.properties(l)...)
	if l.AF != nil && l.AF.Inet6 != nil && l.AF.Inet6.AddrGenMode != nil {
		modes := [...]string{"eui64", "none", "stable_secret", "random"}
		if mode := *take(&l.AF.Inet6.AddrGenMode); int(mode) < len(modes) {
			s.say("addrgenmode", modes[mode])
			l.AF.Inet6 = nil
		}
	}
	if l.AF != nil && l.AF.Inet6 == nil && l.AF.Rest == nil {
		l.AF = nil
	}
	const nothing = 5 // words: ip link set dev NAME
	list := said(&linkTable, l, s)
	if len(sysctls) == 2 || list == nil {
		return list
	}
	if len(s) == nothing {
		list = nil
	}
	return append(list, shell.Words(sysctls...))
}
