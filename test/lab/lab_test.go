package lab_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	clab "plumb/container/lab"
	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

// A judged is a test that the test decides about: it fails without failing this one.
type judged struct {
	testing.TB
	failed   bool
	log      strings.Builder
	cleanups []func()
}

func (j *judged) Cleanup(f func())                  { j.cleanups = append(j.cleanups, f) }
func (j *judged) Failed() bool                      { return j.failed }
func (j *judged) Logf(format string, args ...any)   { fmt.Fprintf(&j.log, format+"\n", args...) }
func (j *judged) Context() context.Context          { return context.Background() }
func (j *judged) Errorf(format string, args ...any) { j.failed = true; j.Logf(format, args...) }

func (j *judged) Fatalf(format string, args ...any) {
	j.Errorf(format, args...)
	runtime.Goexit()
}

func (j *judged) Fatal(args ...any) { j.Fatalf("%s", fmt.Sprint(args...)) }

// judge runs a test to its end, and returns it.
func judge(t *testing.T, test func(t testing.TB)) *judged {
	t.Helper()
	j := &judged{TB: t}
	done := make(chan struct{})
	go func() { // a failing test ends its goroutine
		defer close(done)
		defer func() {
			for i := len(j.cleanups) - 1; i >= 0; i-- {
				j.cleanups[i]()
			}
		}()
		test(j)
	}()
	<-done
	return j
}

func TestCleanTestPasses(t *testing.T) {
	t.Parallel()
	j := judge(t, func(t testing.TB) {
		l := lab.New(t)
		a, b := l.NewHost("a"), l.NewHostWith("b", clab.HostOptions{IPv4Only: true})
		l.NewLAN(a, b)
		lab.MustDo(t, a, func() error { return nil })
	})
	if j.failed || j.log.Len() > 0 {
		t.Errorf("a test that leaves nothing: %s", j.log.String())
	}
}

func TestResidueFails(t *testing.T) {
	t.Parallel()
	addr := rtnl.NewAddr(rtnl.AddrOf(2, netip.MustParsePrefix("10.0.0.1/24"), 0), "left by a test")
	for _, test := range []struct {
		name  string
		leave func(t testing.TB, h *clab.Host) error
		want  string
	}{
		{"address", func(_ testing.TB, h *clab.Host) error { return h.Rtnl().Do(addr) }, "address 10.0.0.1/24 local 10.0.0.1 dev uplink0: left behind"},
		{"sysctl", func(_ testing.TB, h *clab.Host) error {
			return h.NS().WriteSysctl("net.ipv4.ip_forward", "1")
		}, "sysctl net/ipv4/ip_forward: value is 1, was 0"},
		{"ruleset", func(t testing.TB, h *clab.Host) error {
			lab.Run(t, h, "nft", "add table inet left")
			return nil
		}, "nft table inet left: left behind"},
		{"socket", func(t testing.TB, h *clab.Host) error {
			c, err := h.ListenPacket("udp", ":0")
			if err == nil {
				t.(*judged).TB.Cleanup(func() { c.Close() }) // after the judged test has ended
			}
			return err
		}, "socket datagram, protocol UDP"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			j := judge(t, func(jt testing.TB) {
				l := lab.New(jt)
				if err := test.leave(jt, l.NewHost("h")); err != nil {
					t.Error(err)
				}
			})
			log := j.log.String()
			if !j.failed || !strings.Contains(log, "the test does not leave h as it was:") || !strings.Contains(log, test.want) {
				t.Errorf("got %q, want %q", log, test.want)
			}
			if !strings.Contains(log, "the lab's netlink messages") || !strings.Contains(log, "create to-h and uplink0") {
				t.Errorf("no trace in %q", log)
			}
		})
	}
}

// A pair whose other end's namespace is gone goes by itself, some 20 ms later: that is waited for, and is no residue.
func TestDyingLinkIsWaitedFor(t *testing.T) {
	t.Parallel()
	j := judge(t, func(jt testing.TB) {
		h := lab.New(jt).NewHost("h")
		ns, err := netns.New()
		if err != nil {
			jt.Fatal(err)
		}
		fd := uint32(ns.FD())
		pair := rtnl.VethPair(&rtnl.Link{Name: "dying0", Index: 7}, &rtnl.Link{Name: "dying1", NetNSFd: &fd})
		if err := errors.Join(h.Rtnl().Do(rtnl.NewLink(pair, ""), rtnl.SetUp(7, "")), ns.Close()); err != nil {
			jt.Fatal(err)
		}
	})
	if j.failed {
		t.Errorf("a link that was going: %s", j.log.String())
	}
}

func TestExceptAndExpect(t *testing.T) {
	t.Parallel()
	j := judge(t, func(jt testing.TB) {
		l := lab.New(jt, lab.Except("sysctl net/ipv4/"), lab.WithZone(clab.Zone{}))
		h := l.NewHost("h")
		if err := h.NS().WriteSysctl("net.ipv4.ip_default_ttl", "60"); err != nil {
			t.Error(err)
		}
		lab.Run(jt, h, "ip", "link", "add", "mine0", "type", "veth", "peer", "name", "mine1")
		l.Expect(h)
	})
	if j.failed {
		t.Error(j.log.String())
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	h := l.NewHost("h")
	if out := lab.Run(t, h, "ip", "-o", "-4", "addr"); !strings.Contains(out, h.Addr4().String()) {
		t.Errorf("ip addr in h says %q", out)
	}
	j := judge(t, func(jt testing.TB) { lab.Run(jt, h, "ip", "link", "show", "dev", "nothing0") })
	if !j.failed || !strings.Contains(j.log.String(), "nothing0") {
		t.Errorf("a tool that fails: %q", j.log.String())
	}
}

// leaveEnv makes TestLeave leave something behind in its process.
const leaveEnv = "PLUMB_TEST_LEAVE"

// TestLeave is run in a process of its own, by TestProcessResidueFails.
func TestLeave(t *testing.T) {
	switch os.Getenv(leaveEnv) {
	case "file":
		if _, err := unix.Open("/dev/null", unix.O_RDONLY, 0); err != nil {
			t.Fatal(err)
		}
	case "mount":
		if err := unix.Mount("none", os.TempDir(), "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
	case "thread":
		ns, err := netns.New()
		if err != nil {
			t.Fatal(err)
		}
		defer ns.Close()
		if err := stray(ns); err != nil {
			t.Fatal(err)
		}
	}
}

// stray is the mistake that all this is about: a thread changes its namespace, and goes on as if nothing was.
func stray(ns *netns.NS) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return ns.Enter()
}

func TestProcessResidueFails(t *testing.T) {
	t.Parallel()
	for what, want := range map[string]string{
		"nothing": "", "file": "file /dev/null (", "mount": "mount " + os.TempDir() + ": left behind", "thread": "thread in net:[",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("/proc/self/exe", "-test.run=^TestLeave$")
			cmd.Env = append(os.Environ(), leaveEnv+"="+what)
			// Its mounts are its own. (A thread that unshares for it would keep what it unshared.)
			cmd.SysProcAttr = &unix.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
			out, err := cmd.CombinedOutput()
			if what == "nothing" {
				if err != nil {
					t.Errorf("%v\n%s", err, out)
				}
				return
			}
			if err == nil || !strings.Contains(string(out), "lab: the tests do not leave the process as it was:") || !strings.Contains(string(out), want) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
