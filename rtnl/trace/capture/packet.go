package capture

import (
	"encoding/binary"
	"strconv"
	"strings"
	"time"
)

// A Packet is what one call sent or received: a datagram of one message or several.
type Packet struct {
	Time      time.Time // zero where the capture does not say
	Family    int       // NETLINK_ROUTE and so on, or AnyFamily
	Sent      bool      // to the kernel, or else received from it
	Namespace string    // what stands for its network namespace: a name, an interface, a process; "" for nothing
	Socket    string    // tells one socket from another where the capture does; "" otherwise
	Data      []byte    // valid until the next packet is read
	Missing   int       // bytes that the capture left out at the end of Data
	Note      *Note     // what plumb itself has written beside the message; nil in others' captures
}

// AnyFamily is the family of a packet whose capture does not tell it.
const AnyFamily = -1

// A Source gives the packets of a capture, in order. After the last, the error is io.EOF. Another error is about what
// could not be read, and there are no packets after it.
type Source interface {
	Next() (Packet, error)
}

// The netlink families, linux/netlink.h, as their constants are called without NETLINK_.
func families() map[int]string {
	return map[int]string{
		0: "ROUTE", 1: "UNUSED", 2: "USERSOCK", 3: "FIREWALL", 4: "SOCK_DIAG", 5: "NFLOG", 6: "XFRM", 7: "SELINUX", 8: "ISCSI",
		9: "AUDIT", 10: "FIB_LOOKUP", 11: "CONNECTOR", 12: "NETFILTER", 13: "IP6_FW", 14: "DNRTMSG", 15: "KOBJECT_UEVENT",
		16: "GENERIC", 18: "SCSITRANSPORT", 19: "ECRYPTFS", 20: "RDMA", 21: "CRYPTO", 22: "SMC",
	}
}

// FamilyByName finds a netlink family by its name, in any case, with NETLINK_ or without, or by its number.
func FamilyByName(name string) (family int, ok bool) {
	name = strings.TrimPrefix(strings.ToUpper(name), "NETLINK_")
	switch name {
	case "INET_DIAG": // what NETLINK_SOCK_DIAG was called before Linux 3.3
		name = "SOCK_DIAG"
	case "W1", "DM": // that are no more
		return 0, false
	}
	for number, known := range families() {
		if known == name {
			return number, true
		}
	}
	n, err := strconv.ParseUint(name, 0, 8)
	return int(n), err == nil
}

// FamilyName is what the kernel calls a family: NETLINK_ROUTE.
func FamilyName(family int) string {
	if name, ok := families()[family]; ok {
		return "NETLINK_" + name
	}
	return "netlink family " + strconv.Itoa(family)
}

const headerSize = 16 // struct nlmsghdr, linux/netlink.h

// tiled reports whether b is messages, one after another to its end, by what their headers say in a byte order.
func tiled(order binary.ByteOrder, b []byte) bool {
	if len(b) < headerSize {
		return false
	}
	for len(b) > 0 {
		if len(b) < headerSize {
			return false
		}
		n := uint64(order.Uint32(b))
		if n < headerSize || n > uint64(len(b)) {
			return false
		}
		b = b[min((n+3)&^3, uint64(len(b))):]
	}
	return true
}

// foreign is the byte order that this machine does not have.
func foreign() binary.ByteOrder {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return binary.BigEndian
	}
	return binary.LittleEndian
}
