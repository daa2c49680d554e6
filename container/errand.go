package container

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"plumb/rtnl"
	"plumb/rtnl/wire"
)

// An errand is a netlink socket whose requests are sent by a process that is forked for it, and closes all else that it has got from this one. It is for
// what takes the kernel long when nobody need wait for it: whoever asked waits until he is told what he needs to know, and ends, and the kernel goes on with the
// process that it answers. Nothing of plumb's runs in that: it makes the system calls of a script, the last of which is the end.
type errand struct{ wire.Transport }

// Send forks. That the request could not be sent is noticed by what does not come of it.
func (e errand) Send(b []byte) error {
	fd := uintptr(e.Transport.(wire.Descriptor).Descriptor())
	s := script{report: -1}
	const stage = "run an errand"
	s.add(stage, unix.SYS_CLOSE_RANGE, 0, fd-1, 0) // streams, for whose end somebody may wait
	s.add(stage, unix.SYS_CLOSE_RANGE, fd+1, ^uintptr(0), 0)
	s.add(stage, unix.SYS_CHDIR, s.text("/"))
	s.add(stage, unix.SYS_WRITE, fd, s.address(unsafe.Pointer(&b[0])), uintptr(len(b)))
	defer s.pin.Unpin()
	// Not a signal at its end, of which a child that this program waits for could be thought. As an orphan it gets SIGCHLD for one, and is waited for by
	// process 1, or a subreaper (reparent_leader, kernel/exit.c).
	_, err := s.forkWith(&cloneArgs{})
	return err
}

// removeSoon is remove, of a program that is about to end. It returns when the link has gone for all who look: its name, its addresses and its index are free, and
// the other end has gone, too. That takes a millisecond. What the kernel waits for then takes it 10 to 30 more (synchronize_net and rcu_barrier,
// net/core/dev.c), in the process that has asked for it.
func (h *Host) removeSoon(index uint32, name string) error {
	if !h.ending || h.plans || h.transport != nil {
		return h.remove(index, name)
	}
	if h.sendToRemove(delLink(index, name), index) == nil {
		return nil
	}
	return h.remove(index, name) // which says why it cannot be, if so it is
}

// removeGroup removes all links of a group, of which the ends are, as removeSoon removes one.
func (h *Host) removeGroup(group uint32, ends []rtnl.Link) error {
	request := rtnl.DelLink(&rtnl.Link{Group: group}, fmt.Sprintf("remove %d pairs of links", len(ends)))
	if h.ending && !h.plans && h.transport == nil {
		indexes := make([]uint32, 0, len(ends))
		for i := range ends {
			indexes = append(indexes, ends[i].Index)
		}
		if h.sendToRemove(request, indexes...) == nil {
			return nil
		}
	}
	return ignore(unix.ENODEV, h.rtnl.Do(request)) // their namespaces have gone, and they with them
}

// sendToRemove has an errand send a request that removes links, and waits until they have gone.
func (h *Host) sendToRemove(request wire.Request, indexes ...uint32) error {
	s := h.story()
	start := s.now()
	var c *rtnl.Conn
	err := h.ns.DoHere(func() error {
		socket, err := wire.Brief(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		config := h.config(hostName, unix.NETLINK_ROUTE)
		config.Transport = errand{socket}
		c, err = rtnl.Dial(config)
		return err
	})
	s.did(hostName, start, err, "setns ", hostName, ": socket(AF_NETLINK): NETLINK_ROUTE, to remove a link and to hear of its end")
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Subscribe(rtnl.GroupLink); err != nil {
		return err
	}
	left := make(map[uint32]bool, len(indexes))
	for _, index := range indexes {
		left[index] = true
	}
	if err := c.Post(request); err != nil {
		return err
	}
	const most = time.Second // of what takes a millisecond: the process was killed, or did not get to run
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	err = c.Listen(ctx, func(m netlink.Header, body []byte) error {
		if m.Type == netlink.Error {
			if errno := wire.Refusal(body); errno != 0 && errno != unix.ENODEV {
				return fmt.Errorf("%s: %w", request.Purpose, errno)
			}
			return errGone
		}
		e, err := rtnl.ParseEvent(m, body)
		if err == nil && e.Deleted && e.Link != nil && e.Link.Family == 0 { // of a bridge's port it tells before
			if delete(left, e.Link.Index); len(left) == 0 {
				err = errGone
			}
		}
		return err
	})
	if errors.Is(err, errGone) {
		return nil
	}
	return err
}
