package capture

import (
	"fmt"
	"strings"
)

// socket remembers what a new descriptor is.
func (s *Strace) socket(c *straceCall) {
	if c.result < 0 {
		return
	}
	if len(s.kinds) > maxSockets {
		clear(s.kinds)
	}
	family := notNetlink
	domain, rest, _ := strings.Cut(c.args, ", ")
	if domain == "AF_NETLINK" || domain == "PF_NETLINK" || domain == "0x10" || domain == "16" {
		family = AnyFamily
		_, name, _ := strings.Cut(rest, ", ")
		if f, ok := FamilyByName(name); ok {
			family = f
		}
	}
	fd := fmt.Sprint(c.result)
	s.kinds[c.pid+"/"+fd] = family
	s.kinds["/"+fd] = family // for a thread or child that has it too: strace tells no more
}

const notNetlink = -2

// family finds out what a call's descriptor is, and names it. It is not sure where the trace does not say it beside the
// call, and the descriptor may have become another's meanwhile: opened by another process, which may or may not share it,
// or closed and opened again as a file, which is not traced.
func (s *Strace) family(c *straceCall, said string) (family int, socket string, sure bool) {
	fd := c.args[:len(c.args)-len(strings.TrimLeft(c.args, "0123456789"))]
	socket = c.pid + "/" + fd
	if note, found := strings.CutPrefix(c.args[len(fd):], "<"); found {
		inner, isNetlink := strings.CutPrefix(note, "NETLINK:[")
		name, _, named := strings.Cut(inner, ":")
		f, ok := FamilyByName(name)
		switch {
		case isNetlink && named && ok:
			return f, socket, true
		case !isNetlink && !strings.HasPrefix(note, "socket:"):
			return notNetlink, socket, true
		}
	}
	evident := strings.Contains(said, "nlmsg_len=") || strings.Contains(said, "AF_NETLINK")
	if known, ok := s.kinds[socket]; ok {
		file := strings.HasPrefix(c.name, "read") || strings.HasPrefix(c.name, "write")
		return known, socket, evident || !file
	}
	inherited, ok := s.kinds["/"+fd]
	switch {
	case ok && inherited != notNetlink:
		return inherited, "/" + fd, evident
	case evident:
		return AnyFamily, socket, true
	case ok:
		return notNetlink, socket, true
	}
	return AnyFamily, socket, false
}
