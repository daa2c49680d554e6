package wire

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A socket that is closed later is of no use any more, and open for as long as the process holds the ring, which here is closed in the process's place.
func TestCloseLater(t *testing.T) {
	t.Parallel()
	inFreshNamespace(t, func() error {
		c, err := Dial(Config{Protocol: linkProtocol})
		if err != nil {
			return err
		}
		if err := c.Do(getLink("lo")); err != nil {
			return err
		}
		inode, err := inodeOf(c.transport.(Descriptor).Descriptor())
		if err != nil {
			return err
		}
		before := rings()
		if err := CloseLater(c); err != nil {
			return err
		}
		if err := c.Do(getLink("lo")); !errors.Is(err, os.ErrClosed) {
			t.Errorf("a request afterwards: %v, want os.ErrClosed", err)
		}
		ring := -1
		for fd := range rings() {
			if !before[fd] {
				ring = fd
			}
		}
		open, err := hasSocket(inode)
		if err != nil {
			return err
		}
		if ring < 0 {
			t.Log("io_uring may not be used here")
		} else {
			unix.Close(ring)
		}
		if open != (ring >= 0) {
			t.Errorf("the socket is open: %t, the ring %d", open, ring)
		}
		for start := time.Now(); open; {
			if open, err = hasSocket(inode); err != nil {
				return err
			}
			if time.Since(start) > 10*time.Second {
				return errors.New("the kernel does not close the socket")
			}
		}
		return nil
	})
}

// rings are the descriptors of this process that are io_urings.
func rings() map[int]bool {
	all := map[int]bool{}
	for fd := range 1 << 10 {
		if to, _ := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd)); to == "anon_inode:[io_uring]" {
			all[fd] = true
		}
	}
	return all
}

// inodeOf is by what number /proc/net/netlink has a socket.
func inodeOf(fd int) (string, error) {
	to, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	return strings.TrimSuffix(strings.TrimPrefix(to, "socket:["), "]"), err
}

// hasSocket reports whether the thread's namespace has a netlink socket.
func hasSocket(inode string) (bool, error) {
	list, err := os.ReadFile("/proc/thread-self/net/netlink")
	for line := range strings.Lines(string(list)) {
		if words := strings.Fields(line); words[len(words)-1] == inode {
			return true, err
		}
	}
	return false, err
}
