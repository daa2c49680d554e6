// Package doctor finds out what a host can do for containers, and what is in their way.
//
// What the kernel can do is tried, in a network namespace that is thrown away: a version number says little about a kernel that somebody has
// configured and patched (kernel.go, nftables.go, mount.go). What the host is like is only read (privilege.go, sysctl.go, uplinks.go,
// firewall.go). Nothing is left behind, and without privileges it says what it could not see.
package doctor

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"plumb/container/netns"
	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"
)

// A Status is how a check has come out.
type Status uint8

// The statuses, from good to bad.
const (
	OK      Status = iota
	Unknown        // it could not be looked at
	Warning        // something does not work, or may not
	Problem        // containers do not work
)

// String is the status in one word.
func (s Status) String() string {
	return [...]string{"ok", "unknown", "warning", "problem"}[min(s, Problem)]
}

// A Check is one thing that was looked at.
type Check struct {
	Group  string // what it belongs to: "kernel", "privileges", "sysctls", "uplinks", "firewalls", "leftovers"
	Name   string
	Status Status
	Detail string // what was found, or why it could not be looked at
	Mend   string // commands for a shell, a line each, or what else helps; "" where there is nothing to do
}

// Options say what Run looks at. The zero value is usual.
type Options struct {
	NS     *netns.NS   // the host's network namespace; nil: the calling thread's
	Tracer wire.Tracer // sees messages to the host's namespace; nil for none

	// Leftovers looks for what killed containers have left; nil for nobody.
	Leftovers func() []Check
}

// Run makes all checks. It changes nothing on the host.
func Run(o Options) []Check {
	d := &doctor{options: o}
	d.privileges()
	d.open()
	d.kernel()
	d.mounts()
	if d.rtnl != nil {
		defer d.rtnl.Close()
		d.uplinks()
	}
	d.sysctls()
	if d.nat != nil {
		defer d.nat.Close()
		d.firewalls()
	} else {
		d.group = "firewalls"
		d.add("nftables", Unknown, "could not be looked at: the host's nftables cannot be read", d.natMend)
	}
	d.legacy()
	if o.Leftovers != nil {
		d.group = "leftovers"
		d.checks = append(d.checks, o.Leftovers()...)
	}
	return d.checks
}

// Worst is the worst status of the checks.
func Worst(checks []Check) Status {
	worst := OK
	for _, c := range checks {
		worst = max(worst, c.Status)
	}
	return worst
}

// A doctor makes the checks.
type doctor struct {
	options Options
	group   string // of the checks that are being made
	checks  []Check
	rtnl    *rtnl.Conn // to the host's namespace; nil where it cannot be opened
	nat     *nat.Conn  // or to its nftables
	natMend string     // what is to be done where nat is nil
	ups     []uplink
	links   []rtnl.Link
}

func (d *doctor) add(name string, s Status, detail, mend string) {
	d.checks = append(d.checks, Check{Group: d.group, Name: name, Status: s, Detail: detail, Mend: mend})
}

func (d *doctor) ok(name, detail string) { d.add(name, OK, detail, "") }

// unseen is what could not be looked at.
func (d *doctor) unseen(name string, err error) {
	d.add(name, Unknown, "could not be looked at: "+err.Error(), mendOf(err))
}

// mendOf is what to do about an error that has to do with privileges.
func mendOf(err error) string {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return "run plumb doctor as root"
	}
	return ""
}

// open opens sockets in the host's namespace.
func (d *doctor) open() {
	var natErr error
	dial := func() (err error) {
		if d.rtnl, err = rtnl.Dial(wire.Config{Namespace: "host", Tracer: d.options.Tracer}); err == nil {
			d.nat, natErr = nat.Dial(wire.Config{Namespace: "host", Tracer: d.options.Tracer})
		}
		return err
	}
	if err := d.inHost(dial); err != nil {
		d.unseen("the host's network", err)
		d.natMend = mendOf(err)
		return
	}
	if natErr == nil {
		if _, natErr = d.nat.GenID(); natErr == nil {
			d.ok("the host's network", "its links and rules can be read and changed")
			return
		}
		if err := d.nat.Close(); err != nil {
			d.unseen("the host's nftables", err)
		}
		d.nat = nil
	}
	d.natMend = "run plumb as root, or as a normal user below unshare -Urn"
	if errors.Is(natErr, nat.ErrUnsupported) {
		d.natMend = module("nf_tables", "NF_TABLES")
	}
	d.add("the host's nftables", Problem, natErr.Error(), d.natMend)
}

// inHost runs f in the host's namespace. Without a setns where that is the thread's own, as it would need CAP_SYS_ADMIN.
func (d *doctor) inHost(f func() error) error {
	if d.options.NS == nil {
		return f()
	}
	return d.options.NS.Do(f)
}

// lines joins commands to a Mend.
func lines(commands []string) string { return strings.Join(commands, "\n") }
