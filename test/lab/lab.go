package lab

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"plumb/container/lab"
	"plumb/rtnl"
)

// settleTime is how long the kernel may take to end what ends by itself, such as a veth whose other end's namespace is gone.
const settleTime = 30 * time.Second

// A Lab is a sealed internet with hosts, for one test. The test fails if it does not leave the hosts as they were.
type Lab struct {
	*lab.Lab
	t      testing.TB
	trace  *memory
	states map[*lab.Host]lab.State // after each host was built
	except []string
}

// An Option of New.
type Option func(*settings)

type settings struct {
	options lab.Options
	except  []string
}

// WithZone makes the name server know zone, instead of the ordinary one.
func WithZone(zone lab.Zone) Option { return func(s *settings) { s.options.Zone = zone } }

// Except lets a test change, and leave, what a line of lab.Diff begins with: "sysctl net/ipv4/ip_forward". The line should say why.
func Except(prefix string) Option { return func(s *settings) { s.except = append(s.except, prefix) } }

// New builds an internet for the test, and closes it after everything else that the test has to clean up. Before that, each host is
// compared with what it was when it was new: links, addresses, routes, neighbours, rules, nftables, sysctls, and this
// process's sockets and threads in it. If the test failed, the netlink messages of the lab's own and of lab.Open's sockets
// are logged.
//
// Open files, mounts and threads in other namespaces belong to the process, which parallel tests share: Main compares those
// once, when all tests have ended.
func New(t testing.TB, options ...Option) *Lab {
	t.Helper()
	NeedKernel(t)
	var s settings
	for _, o := range options {
		o(&s)
	}
	l := &Lab{t: t, trace: &memory{}, states: map[*lab.Host]lab.State{}, except: s.except}
	s.options.Tracer = l.trace
	built, err := lab.New(t.Context(), s.options)
	if err != nil {
		l.trace.log(t)
		t.Fatal(err)
	}
	l.Lab = built
	t.Cleanup(l.end)
	return l
}

func (l *Lab) end() {
	l.t.Helper()
	for _, h := range l.Hosts() {
		if diff := l.residue(h); len(diff) > 0 {
			l.t.Errorf("the test does not leave %s as it was:\n\t%s", h.Name(), strings.Join(diff, "\n\t"))
		}
	}
	if err := l.Close(); err != nil {
		l.t.Errorf("close the lab: %v", err)
	}
	if l.t.Failed() {
		l.trace.log(l.t)
	}
}

// NewHost adds an ordinary host to the lab.
func (l *Lab) NewHost(name string) *lab.Host {
	l.t.Helper()
	return l.NewHostWith(name, lab.HostOptions{})
}

// NewHostWith adds a host to the lab.
func (l *Lab) NewHostWith(name string, options lab.HostOptions) *lab.Host {
	l.t.Helper()
	h, err := l.AddHost(l.t.Context(), name, options)
	if err != nil {
		l.t.Fatal(err)
	}
	l.remember(h)
	return h
}

// NewLAN lays a cable between two hosts of the lab, which then count as new.
func (l *Lab) NewLAN(a, b *lab.Host) *lab.LAN {
	l.t.Helper()
	lan, err := l.AddLAN(l.t.Context(), a, b)
	if err != nil {
		l.t.Fatal(err)
	}
	l.remember(a)
	l.remember(b)
	return lan
}

// remember takes the picture that the host is compared with at the end.
func (l *Lab) remember(h *lab.Host) {
	l.t.Helper()
	s, err := lab.SnapshotNamespace(h.NS())
	if err != nil {
		l.t.Fatal(err)
	}
	l.states[h] = s
}

// Expect makes the host's present state the one that it is compared with at the end: for what a test sets up and leaves.
func (l *Lab) Expect(h *lab.Host) {
	l.t.Helper()
	l.remember(h)
}

// residue is what is not as it was in the host, once the kernel has had time to end what it ends by itself: a link, with its
// addresses and routes.
func (l *Lab) residue(h *lab.Host) []string {
	diff, err := l.compare(h)
	if err == nil && passing(diff) {
		if err = l.settle(h); err == nil {
			diff, err = l.compare(h) // without settle's own socket
		}
	}
	if err != nil {
		return append(diff, err.Error())
	}
	return diff
}

// settle looks anew after each event that rtnetlink tells of, until no link is left that may be ending.
func (l *Lab) settle(h *lab.Host) error {
	events, err := lab.Open(h, rtnl.Dial)
	if err != nil {
		return err
	}
	defer events.Close()
	if err := events.Subscribe(rtnl.GroupLink); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	for {
		diff, err := l.compare(h)
		if err != nil || !passing(diff) {
			return err
		}
		err = events.Events(ctx, func(rtnl.Event) error { return errEvent })
		if ctx.Err() != nil {
			return nil // what is left now stays
		}
		if !errors.Is(err, errEvent) {
			return err
		}
	}
}

var errEvent = errors.New("an event")

func (l *Lab) compare(h *lab.Host) ([]string, error) {
	now, err := lab.SnapshotNamespace(h.NS())
	if err != nil {
		return nil, err
	}
	var diff []string
	for _, line := range lab.Diff(l.states[h], now) {
		if !l.excepted(line) {
			diff = append(diff, line)
		}
	}
	return diff, nil
}

func (l *Lab) excepted(line string) bool {
	for _, prefix := range l.except {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

// passing reports whether a link is left that may be going.
func passing(diff []string) bool {
	for _, line := range diff {
		if strings.HasPrefix(line, "link ") && strings.Contains(line, ": left behind") {
			return true
		}
	}
	return false
}

// MustDo runs fn inside the host's namespace, by lab.Host's Do, and ends the test where it fails.
func MustDo(t testing.TB, h *lab.Host, fn func() error) {
	t.Helper()
	if err := h.Do(fn); err != nil {
		t.Fatal(err)
	}
}
