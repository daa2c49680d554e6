package rtnl

import (
	_ "embed" // for the texts

	"plumb/rtnl/wire"

	"github.com/mdlayher/netlink"
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

// look knows the requests for all of something that have less before their attributes than the kernel's answers do:
// struct rtgenmsg, which is one byte, with 3 of padding (rtnl_dump_all, net/core/rtnetlink.c).
func look(h netlink.Header, body []byte) *wire.Info {
	if h.Flags&netlink.Request == 0 || h.Flags&netlink.Dump == 0 || len(body) > 4 {
		return nil
	}
	info := words.Message(uint16(h.Type))
	if info == nil {
		return nil
	}
	return words.Group("rtgenmsg").Info(info.Type, info.Name)
}
