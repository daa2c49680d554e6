package rtnl

import (
	"errors"
	"slices"
	"strings"

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

// AddAltNamesQuietly does what AddAltNames asks for, and has the kernel tell nobody, until something else changes the link. Of a link that is up it would
// tell not only those who listen: each part of the kernel does what it does for a link whose cable was put in (netdev_state_change), which takes several
// times as long as all else. Names have at most 127 bytes.
//
// They are followed by one that is too long. There the kernel stops, and returns before it tells (rtnl_linkprop, net/core/rtnetlink.c). A kernel that took
// back then what it has done would be asked once more, the usual way; what this one does is seen the first time that the first name has at most 15 bytes.
func (c *Conn) AddAltNamesQuietly(index uint32, names []string, purpose string) error {
	if !c.keepsNames.Load() && len(names[0]) >= unix.IFNAMSIZ {
		return c.Do(AddAltNames(index, names, purpose))
	}
	err := c.Do(AddAltNames(index, append(slices.Clip(names), tooLong), purpose).Expecting(unix.ERANGE))
	if !errors.Is(err, unix.ERANGE) {
		return err
	}
	if c.keepsNames.Load() {
		return nil
	}
	switch holder, err := c.LinkIndex(names[0]); {
	case err == nil && holder == index:
		c.keepsNames.Store(true)
		return nil
	case err != nil && !errors.Is(err, unix.ENODEV):
		return err
	}
	return c.Do(AddAltNames(index, names, purpose))
}

// tooLong is no name: ALTIFNAMSIZ is 128, linux/if.h, with the NUL.
var tooLong = strings.Repeat("-", 128)

// DelAltName takes a further name from the link with this index. ENOENT means that it does not have it.
func DelAltName(index uint32, name, purpose string) wire.Request {
	return delLinkProp.New(netlink.Acknowledge,
		&Link{Index: index, AltNames: &AltNames{Names: []string{name}}}, purpose)
}
