package rtnl

import (
	"os"

	"golang.org/x/sys/unix"
)

// NameAndMTU asks for a link's name and its MTU by ioctl (netdevice(7)), which takes a netlink socket as well as any other (sock_do_ioctl, net/socket.c). The kernel's
// answer to RTM_GETLINK has some thousand bytes, and takes ten times as long. The error is ENODEV where there is no such link, and errors.ErrUnsupported where
// the Conn has no socket.
func (c *Conn) NameAndMTU(index uint32) (name string, mtu uint32, err error) {
	request, err := unix.NewIfreq("any") // which the kernel overwrites
	if err != nil {
		return "", 0, err
	}
	request.SetUint32(index)
	var asked error
	err = c.Control(func(fd int) {
		if asked = os.NewSyscallError("ioctl SIOCGIFNAME", unix.IoctlIfreq(fd, unix.SIOCGIFNAME, request)); asked == nil {
			name = request.Name()
			asked = os.NewSyscallError("ioctl SIOCGIFMTU", unix.IoctlIfreq(fd, unix.SIOCGIFMTU, request))
		}
	})
	if err == nil {
		err = asked
	}
	return name, request.Uint32(), err
}
