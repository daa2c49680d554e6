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
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container"
	"plumb/container/netns"
	"plumb/rtnl/wire"
)

// The subnets of a crowd, large enough for a thousand.
var crowdSubnets = [2]netip.Prefix{netip.MustParsePrefix("10.0.0.0/16"), netip.MustParsePrefix(plumb6 + "/64")}

// crowdNetwork is the i-th container of a crowd. It publishes two ports, which with every other container are given, and else chosen.
func crowdNetwork(i int) container.Network {
	n := container.Network{
		Name: fmt.Sprintf("c%d", i), Subnet: crowdSubnets[0], Subnet6: crowdSubnets[1],
		Publish: []container.Publish{{Proto: unix.IPPROTO_TCP, Port: 80, Count: 1}, {Proto: unix.IPPROTO_UDP, Port: 53, Count: 1}},
	}
	if i%2 == 0 {
		n.Publish[0].HostPort, n.Publish[1].HostPort = uint16(20000+i), uint16(20000+i)
	}
	return n
}

// A member is one container of a crowd, as the process that attached it says.
type member struct {
	name, link string
	index      uint32
	addrs      [2]netip.Addr
	ports      [2]uint16 // of the host, that lead to 80/tcp and 53/udp
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
	var all crowd
	for i := range processes {
		p := &attendant{t: w.t, cmd: helperCommand("attendant",
			"FIRST="+strconv.Itoa(i*containers/processes), "LAST="+strconv.Itoa((i+1)*containers/processes-1))}
		ns := dup(w.t, w.host.NS())
		defer ns.Close()
		p.cmd.ExtraFiles = []*os.File{ns}
		p.cmd.Stderr = os.Stderr
		var err error
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

// dup is a namespace as a file for another process.
func dup(t testing.TB, ns *netns.NS) *os.File {
	t.Helper()
	fd, err := unix.FcntlInt(uintptr(ns.FD()), unix.F_DUPFD_CLOEXEC, 0)
	must(t, err)
	return os.NewFile(uintptr(fd), "a namespace")
}

// all gives every process the order at once, and returns when all have carried it out.
func (c crowd) all(order string) time.Duration {
	start := time.Now()
	for _, p := range c {
		p.members = nil
		if _, err := fmt.Fprintln(p.orders, order); err != nil {
			p.t.Error(err)
		}
	}
	for _, p := range c {
		p.read()
	}
	return time.Since(start)
}

// members are all that were attached, and how often a batch was tried again for it.
func (c crowd) members() (all []member, retries int) {
	for _, p := range c {
		all = append(all, p.members...)
		retries += p.retries
	}
	return all, retries
}

// read reads what a process says, up to "done".
func (p *attendant) read() {
	p.t.Helper()
	for p.answers.Scan() {
		var m member
		var addr, addr6 string
		line := p.answers.Text()
		if line == "done" {
			return
		}
		if _, err := fmt.Sscan(line, &m.name, &m.link, &m.index, &addr, &addr6, &m.ports[0], &m.ports[1], &p.retries); err != nil {
			p.t.Errorf("a process says %q", line)
			continue
		}
		m.addrs = [2]netip.Addr{netip.MustParseAddr(addr), netip.MustParseAddr(addr6)}
		p.members = append(p.members, m)
	}
	p.t.Errorf("a process ended: %v", p.answers.Err())
}

// attend attaches and detaches containers when it is told to. Their namespaces are its own, and go with it.
func attend() int {
	if err := attendTo(os.Getenv("FIRST"), os.Getenv("LAST")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func attendTo(firstText, lastText string) error {
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
	first, err := strconv.Atoi(firstText)
	if err != nil {
		return err
	}
	last, err := strconv.Atoi(lastText)
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
			n := crowdNetwork(first + i)
			if orders.Text() == "detach" {
				if found, err := h.Detach(n.Name); err != nil || !found {
					return fmt.Errorf("detach %s: found %v, %w", n.Name, found, err)
				}
				continue
			}
			a, err := h.Attach(context.Background(), n, ns)
			if err != nil {
				return fmt.Errorf("attach %s: %w", n.Name, err)
			}
			fmt.Println(n.Name, a.HostLink, a.HostIndex, a.Addr.Addr(), a.Addr6.Addr(), a.Publish[0].HostPort, a.Publish[1].HostPort, tries.n.Load())
		}
		fmt.Println("done")
	}
	return nil
}

// A staleCounter counts the batches that were refused since others have changed the ruleset meanwhile.
type staleCounter struct{ n atomic.Int32 }

func (c *staleCounter) Trace(e wire.Event) {
	if e.Err != nil && errors.Is(e.Err, unix.ERESTART) {
		c.n.Add(1)
	}
}
