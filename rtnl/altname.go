package rtnl

import (
	"plumb/rtnl/wire"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// AltNames is IFLA_PROP_LIST: a link's further names, each at most 127 bytes.
type AltNames struct {
	Names []string
}

var altNamesTable = wire.Table[*AltNames]{Rows: func(a *AltNames) wire.Rows {
	return wire.Of(a,
		wire.Strings(unix.IFLA_ALT_IFNAME, "IFLA_ALT_IFNAME", &a.Names),
		wire.Named(words.Group("prop_list")),
	)
}}

var (
	newLinkProp = wire.Message[Link]{Type: unix.RTM_NEWLINKPROP, Name: "RTM_NEWLINKPROP", Body: &linkTable}
	delLinkProp = wire.Message[Link]{Type: unix.RTM_DELLINKPROP, Name: "RTM_DELLINKPROP", Body: &linkTable}
)

// AddAltName gives the link with this index a further name, of at most 127 bytes.
func AddAltName(index uint32, name, purpose string) wire.Request {
	return AddAltNames(index, []string{name}, purpose)
}

// AddAltNames gives it several. The first that is taken (EEXIST) ends it: those before it it then has.
func AddAltNames(index uint32, names []string, purpose string) wire.Request {
	return newLinkProp.New(netlink.Acknowledge|netlink.Create|netlink.Excl|netlink.Append,
		&Link{Index: index, AltNames: &AltNames{Names: names}}, purpose)
}

// DelAltName takes a further name from the link with this index. ENOENT means that it does not have it.
func DelAltName(index uint32, name, purpose string) wire.Request {
	return delLinkProp.New(netlink.Acknowledge,
		&Link{Index: index, AltNames: &AltNames{Names: []string{name}}}, purpose)
}
