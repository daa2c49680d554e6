// Package genl shows the messages of generic netlink, NETLINK_GENERIC: one netlink family that many subsystems of the
// kernel share (wireguard, ethtool, macsec, IPVS). Each has a number as its message type, which the kernel gives out as it
// likes; the controller, nlctrl, says which: CTRL_CMD_NEWFAMILY answers who asks for a family by its name. So a family is
// called by its name where what is shown has that answer in it, before.
//
// A message begins with this struct (linux/genetlink.h), and attributes of the family's follow:
//
//	struct genlmsghdr {
//		__u8  cmd;
//		__u8  version;
//		__u16 reserved;
//	};
package genl

import (
	_ "embed" // for the text
	"strconv"
	"sync"

	"plumb/rtnl/wire"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

//go:embed genl.txt
var text string

var words = wire.NewDictionary(text)

// New returns a Protocol that learns the families' numbers from the messages that it is shown. Each capture needs its own.
func New() *wire.Protocol {
	f := &families{names: map[uint16]string{unix.GENL_ID_CTRL: "nlctrl"}}
	return &wire.Protocol{Name: "NETLINK_GENERIC", Family: unix.NETLINK_GENERIC, Lookup: f.lookup, Look: f.look}
}

// families are the names that are known of families, by their numbers.
type families struct {
	mu    sync.Mutex
	names map[uint16]string
}

func (f *families) name(typ uint16) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.names[typ]
}

// lookup names a message of which nothing but the number is there.
func (f *families) lookup(typ uint16) *wire.Info {
	if name := f.name(typ); name != "" {
		return words.Group("any").Info(typ, name)
	}
	return nil
}

func (f *families) look(h netlink.Header, body []byte) *wire.Info {
	if len(body) == 0 || h.Type < netlink.HeaderType(unix.NLMSG_MIN_TYPE) {
		return nil
	}
	if h.Type == unix.GENL_ID_CTRL && body[0] == unix.CTRL_CMD_NEWFAMILY {
		f.learn(body)
	}
	name := f.name(uint16(h.Type))
	if name == "" {
		return nil
	}
	if info := words.Command(name, body[0]); info != nil {
		return info
	}
	return words.Group("any").Info(uint16(h.Type), name+" command "+strconv.Itoa(int(body[0])))
}

// learn takes the number and the name of a family from a CTRL_CMD_NEWFAMILY.
func (f *families) learn(body []byte) {
	const header = 4 // struct genlmsghdr
	d, err := netlink.NewAttributeDecoder(body[min(header, len(body)):])
	if err != nil {
		return
	}
	var id uint16
	var name string
	for d.Next() {
		switch d.Type() {
		case unix.CTRL_ATTR_FAMILY_ID:
			id = d.Uint16()
		case unix.CTRL_ATTR_FAMILY_NAME:
			name = d.String()
		}
	}
	if d.Err() == nil && id != 0 && name != "" {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.names[id] = name
	}
}
