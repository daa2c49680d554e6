package learn_test

import (
	"encoding/binary"
	"fmt"
	"log"

	"golang.org/x/sys/unix"
)

// A message by hand, and its answer.
func Example_socket() {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		log.Fatal(err)
	}
	defer unix.Close(fd)

	host := binary.NativeEndian
	message := make([]byte, 16+16)                    // struct nlmsghdr and struct ifinfomsg
	host.PutUint32(message[0:], uint32(len(message))) // nlmsg_len
	host.PutUint16(message[4:], unix.RTM_GETLINK)     // nlmsg_type
	host.PutUint16(message[6:], unix.NLM_F_REQUEST)   // nlmsg_flags
	host.PutUint32(message[8:], 1)                    // nlmsg_seq
	host.PutUint32(message[16+4:], 1)                 // ifi_index: lo is the first link of every namespace
	if _, err := unix.Write(fd, message); err != nil {
		log.Fatal(err)
	}

	answer := make([]byte, 1<<16)
	n, err := unix.Read(fd, answer)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("one message, as long as the datagram:", host.Uint32(answer[0:]) == uint32(n))
	fmt.Println("its type is RTM_NEWLINK:", host.Uint16(answer[4:]) == unix.RTM_NEWLINK)
	fmt.Println("nlmsg_seq", host.Uint32(answer[8:]))
	fmt.Println("ifi_index", host.Uint32(answer[16+4:]))
	fmt.Println("it is a loopback link:", host.Uint16(answer[16+2:]) == unix.ARPHRD_LOOPBACK)
	// Output:
	// one message, as long as the datagram: true
	// its type is RTM_NEWLINK: true
	// nlmsg_seq 1
	// ifi_index 1
	// it is a loopback link: true
}
