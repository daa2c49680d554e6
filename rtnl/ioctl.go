package rtnl

import (
	"os"

	"golang.org/x/sys/unix"
)

// LinkName asks for a link's name by ioctl (netdevice(7)), which takes a netlink socket as well as any other (sock_do_ioctl, net/socket.c), and needs no
// lock of rtnetlink's. The error is ENODEV where there is no such link, and errors.ErrUnsupported where the Conn has no socket.
func (c *Conn) LinkName(index uint32) (name string, err error) {
	request, err := c.askName(index)
	return request.Name(), err
}

// LinkIndex asks for the index of the link that has a name, or a further one, of at most 15 bytes.
func (c *Conn) LinkIndex(name string) (uint32, error) {
	request, err := unix.NewIfreq(name)
	if err == nil {
		err = c.ioctl("ioctl SIOCGIFINDEX", unix.SIOCGIFINDEX, request)
	}
	if err != nil {
		return 0, err
	}
	return request.Uint32(), nil
}

// NameAndMTU asks for its MTU, too. The kernel's answer to RTM_GETLINK has some thousand bytes, and takes ten times as long.
func (c *Conn) NameAndMTU(index uint32) (name string, mtu uint32, err error) {
	request, err := c.askName(index)
	if err == nil {
		err = c.ioctl("ioctl SIOCGIFMTU", unix.SIOCGIFMTU, request)
	}
	return request.Name(), request.Uint32(), err
}

// askName has the kernel write a link's name into what is returned.
func (c *Conn) askName(index uint32) (*unix.Ifreq, error) {
	request := new(unix.Ifreq)
	request.SetUint32(index)
	return request, c.ioctl("ioctl SIOCGIFNAME", unix.SIOCGIFNAME, request)
}

func (c *Conn) ioctl(what string, number uint, request *unix.Ifreq) error {
	var refused error
	err := c.Control(func(fd int) { refused = os.NewSyscallError(what, unix.IoctlIfreq(fd, number, request)) })
	if err == nil {
		err = refused
	}
	return err
}
