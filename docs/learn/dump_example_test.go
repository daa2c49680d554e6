package learn_test

import (
	"encoding/binary"
	"fmt"
	"log"

	"golang.org/x/sys/unix"
)

// A dump is many messages, in as many datagrams as it takes, and then NLMSG_DONE.
func Example_dump() {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	must(err)
	defer unix.Close(fd)

	host := binary.NativeEndian
	request := make([]byte, 16+16)
	host.PutUint32(request[0:], uint32(len(request)))
	host.PutUint16(request[4:], unix.RTM_GETLINK)
	host.PutUint16(request[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	host.PutUint32(request[8:], 7)
	_, err = unix.Write(fd, request)
	must(err)

	buffer := make([]byte, 1<<16)
	links, complete := 0, false
	for !complete {
		n, _, flags, _, err := unix.Recvmsg(fd, buffer, nil, 0)
		must(err)
		if flags&unix.MSG_TRUNC != 0 {
			log.Fatal("the buffer is too small, and what did not fit is lost")
		}
		for b := buffer[:n]; len(b) >= 16; { // each message of the datagram
			length := int(host.Uint32(b[0:]))
			typ, flags, seq := host.Uint16(b[4:]), host.Uint16(b[6:]), host.Uint32(b[8:])
			switch {
			case seq != 7:
				log.Fatal("an answer to another request")
			case flags&unix.NLM_F_DUMP_INTR != 0:
				log.Fatal("what is listed changed meanwhile: ask again")
			case typ == unix.NLMSG_ERROR, typ == unix.NLMSG_DONE && int32(host.Uint32(b[16:])) != 0:
				log.Fatal("refused")
			case typ == unix.NLMSG_DONE:
				complete = true
			case typ == unix.RTM_NEWLINK:
				links++
			}
			b = b[min(len(b), (length+3)&^3):]
		}
	}
	fmt.Println("links:", links)
	// Output:
	// links: 1
}
