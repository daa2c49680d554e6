package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// holderName is what a pool's holder is called.
const holderName = "plumb: pool"

// The descriptors that a holder is started with, above its streams.
const (
	holderTakeFD = socketFD + 1 // where networks are received
	holderGiveFD = socketFD + 2 // where they are sent
)

// A holder is the process that holds the shared pool's socket, seen by who starts it.
type holder struct {
	ns      *netns.NS
	process *os.Process
	control *os.File // its end ends the holder, until it has been told to stay
	inode   uint64   // of the socket's end
}

// startHolder starts this program again, in a network namespace of its own.
func startHolder() (_ *holder, err error) {
	c := &holder{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start the pool's holder: %w", err), c.drop())
		}
	}()
	if c.ns, err = netns.New(); err != nil {
		return nil, err
	}
	fd, err := openSelf()
	if err != nil {
		return nil, err
	}
	exe := os.NewFile(uintptr(fd), "plumb")
	defer exe.Close()
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	c.control = ours
	defer theirs.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err == nil {
		defer null.Close()
	}
	// Both the socket and the process keep the network namespace that they were made in. So it is the holder's own.
	err = c.ns.Do(func() error {
		ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("make the pool's socket: %w", err)
		}
		take, give := os.NewFile(uintptr(ends[0]), "take"), os.NewFile(uintptr(ends[1]), "give")
		defer take.Close()
		defer give.Close()
		var st unix.Stat_t
		if err := unix.Fstat(ends[0], &st); err != nil {
			return err
		}
		c.inode = st.Ino
		// Room for a whole pool: an sk_buff is some 1.2 KB. More than net.core.wmem_max is not given.
		if err := unix.SetsockoptInt(ends[1], unix.SOL_SOCKET, unix.SO_SNDBUF, 2048*MaxPool); err != nil {
			return err
		}
		files := []*os.File{null, null, null, theirs, take, give, exe}
		c.process, err = os.StartProcess("/proc/self/fd/"+strconv.Itoa(len(files)-1), []string{holderName}, &os.ProcAttr{
			Dir: "/", Env: []string{}, Files: files, Sys: &syscall.SysProcAttr{Setsid: true},
		})
		return err
	})
	return c, err
}

// stay has the holder live on without us.
func (c *holder) stay() error {
	_, err := c.control.Write([]byte{1})
	return errors.Join(err, c.control.Close(), c.ns.Close(), c.process.Release())
}

// drop ends a holder that was not told to stay, and waits for it.
func (c *holder) drop() error {
	var errs []error
	if c.control != nil {
		errs = append(errs, c.control.Close())
	}
	if c.process != nil {
		_, err := c.process.Wait()
		errs = append(errs, err)
	}
	if c.ns != nil {
		errs = append(errs, c.ns.Close())
	}
	return errors.Join(errs...)
}

// hold is the holder's life: it waits until its pair of links goes.
func hold() {
	closeForeign()
	var told [1]byte
	n, err := readAgain(socketFD, told[:])
	if err != nil || n != len(told) {
		return // whoever started it has ended, or needs none
	}
	if err := unix.Close(socketFD); err != nil {
		return
	}
	events, err := rtnl.Dial(wire.Config{Namespace: holderName})
	if err != nil {
		return
	}
	if err := events.Subscribe(rtnl.GroupLink); err != nil {
		return
	}
	look, err := rtnl.Dial(wire.Config{Namespace: holderName})
	if err != nil {
		return
	}
	there := func() bool {
		_, err := look.LinkByIndex(firstIndex)
		return err == nil
	}
	for there() {
		err := events.Events(context.Background(), func(e rtnl.Event) error {
			if e.Link != nil && e.Deleted {
				return errGone
			}
			return nil
		})
		if err != nil && !errors.Is(err, errGone) && !errors.Is(err, unix.ENOBUFS) {
			return
		}
	}
}

// closeForeign closes what the starter was given by others and did not know of: a pipe, for instance, of which somebody waits for the end. What has no
// place in a file system and is no pipe or socket may be the Go runtime's own.
func closeForeign() {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return // without /proc nobody has come as far as this
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= holderGiveFD {
			continue
		}
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && !strings.HasPrefix(to, "anon_inode:") {
			unix.Close(fd)
		}
	}
}
