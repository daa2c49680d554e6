// Package wire is the codec and the socket that everything in plumb that speaks netlink stands on. It knows neither
// rtnetlink nor nftables: packages rtnl and nat describe their messages to it.
//
// # What goes over the socket
//
// A datagram holds one message or several. Each begins with 16 bytes, struct nlmsghdr (linux/netlink.h), all in the
// host's byte order:
//
//	 0       4     6     8        12      16
//	+-------+-----+-----+--------+-------+----------------------
//	| length| type|flags|sequence| pid   | body, padded to 4
//	+-------+-----+-----+--------+-------+----------------------
//
// The pid (nlmsg_pid) is the sender's port, which need not be a process id; the kernel's is 0.
//
// The body begins with a fixed C struct of the message's type, such as struct ifinfomsg for RTM_NEWLINK; after it come
// attributes, each 4 bytes of struct nlattr, a payload, and padding up to a multiple of 4:
//
//	 0     2     4
//	+-----+-----+------------------+---
//	| len | type| payload          | pad     len counts the 4 bytes and the payload, not the padding
//	+-----+-----+------------------+---
//
// A payload is a number, a string, an address, a C struct, or attributes again (type with NLA_F_NESTED set, mostly).
//
// # One definition
//
// A Table says all of that once. This one describes a message with a struct of two fields and two attributes:
//
//	type Thing struct {
//		Family uint8
//		Index  uint32
//		Name   string
//		MTU    uint32 // bytes
//	}
//
//	var thingTable = wire.Table[*Thing]{Rows: func(t *Thing) wire.Rows {
//		return wire.Of(t,
//			wire.Field("family", &t.Family),
//			wire.Pad(3),
//			wire.Field("index", &t.Index),
//			wire.String(1, "THING_NAME", &t.Name),
//			wire.U32(2, "THING_MTU", &t.MTU),
//		)
//	}}
//
// The rows are made when the table is first used, of a sample: t is a Thing that holds nothing, and says only where in
// a Thing each field is. From the table come Encode, Decode and Show (the tree that a trace prints), and PathAt. When the kernel refuses a message, its
// extended acknowledgement (extended ACK: attributes after the error number) can say at which byte of the request the
// fault is. PathAt turns that offset into a name. Of a Thing that is called "web", byte 32 of the message is where
// THING_MTU begins: 16 bytes of header, 8 of struct, 8 of THING_NAME. There is no second place that could disagree.
//
// # In what order to read
//
// table.go is the Table, rows.go its rows for plain values, nest.go those that hold tables again, encode.go the
// bytes, show.go the tree and path.go the way to one of its nodes. message.go puts the 16 bytes before a body. conn.go
// sends a group of messages and answers.go reads what the kernel says to each; ack.go is how it says it, and error.go
// what becomes of a refusal. dump.go asks for one object or for all; listen.go waits for events. transport.go is the
// socket, trace.go what watches it, and view.go takes a whole message apart for those who show it. parse.go, with the
// files that begin like it, makes a message of the text that a trace shows, and exchange.go sends it as it is.
//
// # Tests
//
// The tests in kernel_test.go ask the kernel, in fresh network namespaces. All others run anywhere: with the variable
// PLUMB_TEST_PURE set, in an emulator of another byte order too.
package wire
