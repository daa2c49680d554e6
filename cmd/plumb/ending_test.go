package main

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	clab "plumb/container/lab"
)

// How a command leaves to the kernel what nobody waits for, and how it does without.
var endings = map[string]string{
	"as usual":                           "",
	"with neither io_uring nor a helper": "no-leaving",
}

// refuseLeaving makes io_uring_setup and clone3 fail as in a container of others.
func refuseLeaving() error {
	const load, jump, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	filter := []unix.SockFilter{
		{Code: load, K: 0}, // struct seccomp_data: the number
		{Code: jump, K: unix.SYS_IO_URING_SETUP, Jt: 2},
		{Code: jump, K: unix.SYS_CLONE3, Jt: 1},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
		{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}

// When plumb detach has ended both links have gone, and the name, the addresses and the container's link can be had again.
func TestDetachedIsGone(t *testing.T) {
	t.Parallel()
	for name, launch := range endings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			box, pid := s.process()
			for range 10 {
				s.succeeds("attach", "web", "--ip", "10.0.0.7", "--ip6", "fd70:6c75:6d62::7", "--pid", strconv.Itoa(pid))
				if r := s.launched(launch, "detach", "web"); r != (result{}) {
					t.Fatalf("detach: %+v", r)
				}
				if _, err := s.host.Rtnl().LinkByName("pl-web"); !errors.Is(err, unix.ENODEV) {
					t.Errorf("the host's end: %v, want ENODEV", err)
				}
				if _, err := box.Rtnl().LinkByName("eth0"); !errors.Is(err, unix.ENODEV) {
					t.Errorf("the container's end: %v, want ENODEV", err)
				}
			}
		})
	}
}

// The same of several, by their names and of all, with one request for all links.
func TestSeveralDetachedAreGone(t *testing.T) {
	t.Parallel()
	for name, launch := range endings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			names := []string{"a", "b", "c"}
			var boxes []*clab.Host
			var pids []int
			for range names {
				box, pid := s.process()
				boxes, pids = append(boxes, box), append(pids, pid)
			}
			for i := range 6 {
				for j, name := range names {
					s.succeeds("attach", name, "--pid", strconv.Itoa(pids[j]))
				}
				args := append([]string{"detach", "--trace=short"}, names...)
				if i%2 == 1 {
					args = []string{"detach", "--trace=short", "--all"}
				}
				r := s.launched(launch, args...)
				if n := strings.Count(r.stderr, "host → RTM_DELLINK "); n == 0 || n > 1 && launch == "" || r.status != 0 {
					t.Errorf("status %d, %d times RTM_DELLINK in\n%s", r.status, n, r.stderr)
				}
				for j, name := range names {
					if _, err := s.host.Rtnl().LinkByName("pl-" + name); !errors.Is(err, unix.ENODEV) {
						t.Errorf("the host's end of %s: %v, want ENODEV", name, err)
					}
					if _, err := boxes[j].Rtnl().LinkByName("eth0"); !errors.Is(err, unix.ENODEV) {
						t.Errorf("the end of %s: %v, want ENODEV", name, err)
					}
				}
			}
		})
	}
}

// The links are removed by a request whose acknowledgement nobody waits for: that the one has gone is heard from the kernel.
func TestRemovalIsHeardOf(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, pid := s.process()
	s.succeeds("attach", "web", "--pid", strconv.Itoa(pid))
	r := s.run("detach", "web", "--trace=short")
	for line, want := range map[string]int{"host → RTM_DELLINK ": 1, "host ← RTM_DELLINK ": 1, "remove pl-web and its other end: done": 0} {
		if n := strings.Count(r.stderr, line); n != want || r.status != 0 {
			t.Errorf("status %d, %d times %q, want %d, in\n%s", r.status, n, line, want, r.stderr)
		}
	}
}

// What somebody else removes meanwhile, or before, is as good as removed.
func TestDetachBesideAnother(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, pid := s.process()
	for range 10 {
		s.succeeds("attach", "web", "--pid", strconv.Itoa(pid))
		done := make(chan result)
		for range 2 {
			go func() { done <- s.run("detach", "web") }()
		}
		for range 2 {
			if r := <-done; r.status != 0 || r.stdout != "" || r.stderr != "" && r.stderr != "plumb: note: nothing named web is attached\n" {
				t.Errorf("detach: %+v", r)
			}
		}
	}
}

// A command's nftables sockets go, although nobody closes them: with the one in the container's namespace goes that, and the pair of links.
func TestSocketsGo(t *testing.T) {
	t.Parallel()
	for name, launch := range endings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			before := s.nftSockets()
			for range 3 {
				if r := s.launched(launch, "run", "--dns", "8.8.8.8", "--", "true"); r != (result{}) {
					t.Errorf("run: %+v", r)
				}
			}
			s.waitGone()
			for start := time.Now(); s.nftSockets() > before; {
				if time.Since(start) > waitTime {
					t.Fatalf("%d netfilter sockets, %d before", s.nftSockets(), before)
				}
			}
		})
	}
}

// nftSockets is how many netfilter sockets there are in the host.
func (s *site) nftSockets() (n int) {
	s.t.Helper()
	err := s.host.Do(func() error {
		list, err := os.ReadFile("/proc/thread-self/net/netlink")
		for line := range strings.Lines(string(list)) {
			if words := strings.Fields(line); len(words) > 1 && words[1] == strconv.Itoa(unix.NETLINK_NETFILTER) {
				n++
			}
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}
