package learn_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log"

	"golang.org/x/sys/unix"

	"plumb/rtnl"
)

// attribute is a struct nlattr, its payload, and the padding up to a multiple of 4.
func attribute(typ uint16, payload []byte) []byte {
	b := make([]byte, 4, 4+len(payload)+3)
	binary.NativeEndian.PutUint16(b[0:], uint16(4+len(payload))) // nla_len: without the padding
	binary.NativeEndian.PutUint16(b[2:], typ)                    // nla_type
	b = append(b, payload...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// nest is an attribute whose payload is attributes.
func nest(typ uint16, inner ...[]byte) []byte {
	return attribute(typ|unix.NLA_F_NESTED, bytes.Join(inner, nil))
}

// Attributes by hand are what package rtnl makes of a struct.
func Example_attributes() {
	byHand := bytes.Join([][]byte{
		attribute(unix.IFLA_IFNAME, []byte("veth0\x00")),
		nest(unix.IFLA_LINKINFO,
			attribute(unix.IFLA_INFO_KIND, []byte("veth\x00"))),
	}, nil)

	request := rtnl.NewLink(&rtnl.Link{Name: "veth0", Info: &rtnl.LinkInfo{Kind: "veth"}}, "create veth0")
	message, err := request.Encode(1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("% x\n", byHand)
	fmt.Println("the same:", bytes.Equal(byHand, message[32:]))
	// Output:
	// 0a 00 03 00 76 65 74 68 30 00 00 00 10 00 12 80 09 00 01 00 76 65 74 68 00 00 00 00
	// the same: true
}
