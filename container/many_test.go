package container_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container"
	"plumb/container/netns"
	"plumb/nat"
	"plumb/rtnl/wire"
)

// TestThousandAtOnce has 64 processes attach 1,000 containers to one host at once: no address is held twice, no lease, no element and
// no link is missing, and when they have taken all of it back at once, nothing is left. -short makes it 128 containers in 16
// processes.
func TestThousandAtOnce(t *testing.T) {
	containers, processes := 1000, 64
	if testing.Short() {
		containers, processes = 128, 16
	}
	w := newTown(t)
	crowd := w.crowd(processes, containers)
	took := crowd.all("attach")
	var retries int
	held := map[netip.Addr]member{}
	for _, p := range crowd {
		retries += p.retries
		for _, m := range p.members {
			if other, twice := held[m.addr]; twice {
				t.Errorf("%s is held by %s and %s", m.addr, other.name, m.name)
			}
			held[m.addr] = m
		}
	}
	t.Logf("%d attached by %d processes in %s, with %d retries of a batch", containers, processes, took, retries)
	if len(held) != containers {
		t.Fatalf("%d addresses are held, want %d", len(held), containers)
	}
	// Lowest first: none is left out below the highest.
	for n, a := 0, netip.MustParseAddr("10.0.0.2"); n < containers; n, a = n+1, a.Next() {
		if _, ok := held[a]; !ok {
			t.Errorf("nobody has %s", a)
		}
	}
	w.checkLeases(held)
	w.checkMembers(held)
	w.checkLinks(held)
	took = crowd.all("detach")
	t.Logf("%d detached by %d processes in %s", containers, processes, took)
	w.waitGone()
	if tables, err := w.nat.Tables(nat.NFPROTO_UNSPEC); err != nil || len(tables) != 0 {
		t.Errorf("tables after the last one: %+v, %v", tables, err)
	}
}

// checkLeases compares the leases with what the containers say that they have.
func (w *town) checkLeases(held map[netip.Addr]member) {
	w.t.Helper()
	leases, err := w.nat.Leases()
	must(w.t, err)
	if len(leases) != len(held) {
		w.t.Errorf("there are %d leases, want %d", len(leases), len(held))
	}
	for _, l := range leases {
		if m := held[l.Addr]; m.name != l.Comment.Name || m.index != l.Comment.IfIndex {
			w.t.Errorf("the lease of %s is %+v, held by %+v", l.Addr, l, m)
		}
	}
}

// checkMembers does the same with what the containers may send from.
func (w *town) checkMembers(held map[netip.Addr]member) {
	w.t.Helper()
	elements, err := w.nat.Elements(nat.NFPROTO_INET, nat.TableName, "member4")
	must(w.t, err)
	there := map[string]bool{}
	for _, e := range elements {
		there[string(e.Key.Value)] = true
	}
	for a, m := range held {
		if !there[string(append(nat.IfName(m.link), a.AsSlice()...))] {
			w.t.Errorf("%s may not send from %s", m.name, a)
		}
	}
	if len(there) != len(held) {
		w.t.Errorf("there are %d members, want %d", len(there), len(held))
	}
}

// checkLinks does the same with the host ends.
func (w *town) checkLinks(held map[netip.Addr]member) {
	w.t.Helper()
	links, err := w.host.Rtnl().Links()
	must(w.t, err)
	byIndex := map[uint32]string{}
	for i := range links {
		if l := &links[i]; l.Group == container.LinkGroup {
			byIndex[l.Index] = l.Alias
			if l.Flags&unix.IFF_UP == 0 {
				w.t.Errorf("%s is down", l.Name)
			}
		}
	}
	for a, m := range held {
		if want := fmt.Sprintf("plumb %s %s/16 eth0", m.name, a); !strings.HasPrefix(byIndex[m.index], want) {
			w.t.Errorf("link %d says %q, want %q", m.index, byIndex[m.index], want)
		}
	}
	if len(byIndex) != len(held) {
		w.t.Errorf("there are %d host ends, want %d", len(byIndex), len(held))
	}
}

// A member is one container of a crowd, as the process that attached it says.
type member struct {
	name, link string
	index      uint32
	addr       netip.Addr
}

// A crowd is processes that attach containers to one host. Each is a whole plumb, with sockets of its own.
type crowd []*attendant

type attendant struct {
	t       testing.TB
	cmd     *exec.Cmd
	orders  io.WriteCloser
	answers *bufio.Scanner
	members []member
	retries int
}

// crowd starts the processes, and returns when all are ready.
func (w *town) crowd(processes, containers int) crowd {
	w.t.Helper()
	fd, err := unix.FcntlInt(uintptr(w.host.NS().FD()), unix.F_DUPFD_CLOEXEC, 0)
	must(w.t, err)
	ns := os.NewFile(uintptr(fd), "the host's namespace")
	defer ns.Close()
	var all crowd
	for i := range processes {
		p := &attendant{t: w.t, cmd: helperCommand("attendant",
			"FIRST="+strconv.Itoa(i*containers/processes), "LAST="+strconv.Itoa((i+1)*containers/processes-1))}
		p.cmd.ExtraFiles = []*os.File{ns}
		p.cmd.Stderr = os.Stderr
		p.orders, err = p.cmd.StdinPipe()
		must(w.t, err)
		out, err := p.cmd.StdoutPipe()
		must(w.t, err)
		p.answers = bufio.NewScanner(out)
		must(w.t, p.cmd.Start())
		all = append(all, p)
	}
	w.t.Cleanup(func() {
		for _, p := range all {
			p.orders.Close()
			check(w.t, p.cmd.Wait())
		}
	})
	for _, p := range all {
		p.read()
	}
	return all
}

// all gives every process the order at once, and returns when all have carried it out.
func (c crowd) all(order string) time.Duration {
	start := time.Now()
	for _, p := range c {
		if _, err := fmt.Fprintln(p.orders, order); err != nil {
			p.t.Error(err)
		}
	}
	for _, p := range c {
		p.read()
	}
	return time.Since(start)
}

// read reads what a process says, up to "done".
func (p *attendant) read() {
	p.t.Helper()
	for p.answers.Scan() {
		var m member
		var addr string
		line := p.answers.Text()
		if line == "done" {
			return
		}
		if _, err := fmt.Sscan(line, &m.name, &m.link, &m.index, &addr, &p.retries); err != nil {
			p.t.Errorf("a process says %q", line)
			continue
		}
		m.addr = netip.MustParseAddr(addr)
		p.members = append(p.members, m)
	}
	p.t.Errorf("a process ended: %v", p.answers.Err())
}

// attend attaches and detaches containers when it is told to. Their namespaces are its own, and go with it.
func attend() int {
	err := func() error {
		ns, err := netns.FromPath("/proc/self/fd/3")
		if err != nil {
			return err
		}
		tries := &staleCounter{}
		h, err := container.OpenHost(container.HostOptions{NS: ns, Tracer: tries})
		if err != nil {
			return err
		}
		defer h.Close()
		first, err := strconv.Atoi(os.Getenv("FIRST"))
		if err != nil {
			return err
		}
		last, err := strconv.Atoi(os.Getenv("LAST"))
		if err != nil {
			return err
		}
		var inside []*netns.NS
		for range last - first + 1 {
			ns, err := netns.New()
			if err != nil {
				return err
			}
			inside = append(inside, ns)
		}
		fmt.Println("done")
		for orders := bufio.NewScanner(os.Stdin); orders.Scan(); {
			for i, ns := range inside {
				name := fmt.Sprintf("c%d", first+i)
				if orders.Text() == "detach" {
					if found, err := h.Detach(name); err != nil || !found {
						return fmt.Errorf("detach %s: found %v, %w", name, found, err)
					}
					continue
				}
				a, err := h.Attach(context.Background(), container.Network{Name: name, Subnet: netip.MustParsePrefix("10.0.0.0/16")}, ns)
				if err != nil {
					return fmt.Errorf("attach %s: %w", name, err)
				}
				fmt.Println(name, a.HostLink, a.HostIndex, a.Addr.Addr(), tries.n.Load())
			}
			fmt.Println("done")
		}
		return nil
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A staleCounter counts the batches that were refused since others have changed the ruleset meanwhile.
type staleCounter struct{ n atomic.Int32 }

func (c *staleCounter) Trace(e wire.Event) {
	if e.Err != nil && errors.Is(e.Err, unix.ERESTART) {
		c.n.Add(1)
	}
}
