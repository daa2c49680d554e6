package rtnl

import (
	"bytes"
	_ "embed" // for the texts

	"plumb/rtnl/wire"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The names of all that rtnetlink has and no table of this package: what other programs send, and what the kernel tells
// that nobody here asks for. words_test.go compares them with the kernel's headers.
var (
	//go:embed words/route.txt
	routeWords string
	//go:embed words/link.txt
	linkWords string
	//go:embed words/tc.txt
	tcWords string

	words = wire.NewDictionary(routeWords, linkWords, tcWords)
)

// look knows the requests for all of something that begin with another struct than the kernel's answers do: struct
// rtgenmsg, which is one byte, with 3 of padding, or struct ifinfomsg, whatever is asked for. The kernel takes them from
// sockets that are not strict (NETLINK_GET_STRICT_CHK).
func look(h netlink.Header, body []byte) *wire.Info {
	const get = 2 // rtnl_msgtype_kind, net/core/rtnetlink.c: in others the bits of NLM_F_DUMP mean something else
	if h.Flags&netlink.Request == 0 || h.Flags&netlink.Dump == 0 || h.Type&3 != get {
		return nil
	}
	group := "rtgenmsg"
	if len(body) > 4 {
		// Where another struct is shorter, its first attribute would have a length of 0.
		if len(body) != unix.SizeofIfInfomsg || !bytes.Equal(body[8:], make([]byte, unix.SizeofIfInfomsg-8)) {
			return nil
		}
		group = "ifinfomsg"
	}
	info := words.Message(uint16(h.Type))
	if info == nil || h.Type == unix.RTM_GETLINK && group == "ifinfomsg" {
		return nil
	}
	return words.Group(group).Info(info.Type, info.Name)
}
