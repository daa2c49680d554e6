package lab

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"plumb/container/netns"
	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// A State is what a namespace, or the process, held at one moment. Diff compares two; nothing else can be done with one.
//
// It is meant for what someone leaves behind, so what changes by itself is not in it: counters, timers, the order of things, the
// numbers that the kernel gives out (interface indexes, handles, mount ids), and what traffic leaves for a
// while and the kernel clears away (neighbours learnt, cached routes, connection tracking).
type State struct {
	things []thing
}

// A thing is something that is there or not: a link, a route, a sysctl, an open file.
type thing struct {
	kind, name string
	props      []prop
}

type prop struct{ name, value string }

// summaryProps is how many properties a line of Diff names of a thing that came or went.
const summaryProps = 6

// Snapshot is the State of a namespace and of this process: SnapshotNamespace and SnapshotProcess.
func Snapshot(ns *netns.NS) (State, error) {
	n, err := SnapshotNamespace(ns)
	if err != nil {
		return State{}, err
	}
	p, err := SnapshotProcess()
	return State{append(n.things, p.things...)}, err
}

// SnapshotNamespace is the State of a namespace: its links, addresses, routes, neighbours, rules, nftables, the sysctls under
// /proc/sys/net, and what this process has in it: sockets and threads. It takes some milliseconds, and CAP_NET_ADMIN in
// the namespace (unix.EPERM otherwise).
func SnapshotNamespace(ns *netns.NS) (State, error) {
	var s State
	if err := s.readNamespace(ns); err != nil {
		return State{}, fmt.Errorf("take a snapshot of namespace %s: %w", ns, err)
	}
	return s, nil
}

func (s *State) readNamespace(ns *netns.NS) (err error) {
	var routes, filter *wire.Conn
	defer func() {
		// The sockets come last, without our own two; threads after all else, as one that is given up takes a moment to end.
		if routes != nil {
			err = errors.Join(err, routes.Close())
		}
		if filter != nil {
			err = errors.Join(err, filter.Close())
		}
		if err == nil {
			err = errors.Join(s.readSockets(ns), s.readThreads(ns))
		}
	}()
	err = ns.Do(func() (err error) {
		if routes, err = wire.Dial(wire.Config{Protocol: rtnl.Protocol}); err != nil {
			return err
		}
		filter, err = wire.Dial(wire.Config{Protocol: nat.Protocol})
		if err != nil && !errors.Is(err, unix.EPROTONOSUPPORT) { // a kernel without nfnetlink
			return err
		}
		return s.readSysctls("net")
	})
	if err != nil {
		return err
	}
	return s.readKernel(routes, filter)
}

func (s *State) add(kind, name string, props ...prop) {
	s.things = append(s.things, thing{kind, name, props})
}

// Diff says in readable lines what is there after that was not there before, what is gone, and what has changed. None: nothing.
func Diff(before, after State) []string {
	was, is := before.index(), after.index()
	var lines []string
	for _, id := range slices.Sorted(keysOf(was, is)) {
		old, wasThere := was[id]
		now, isThere := is[id]
		switch {
		case wasThere && isThere:
			lines = append(lines, old.changes(now, id)...)
		case old.kind == kindSysctl || now.kind == kindSysctl:
			// Files come and go with links, which are compared themselves, and with modules, which nobody unloads.
		case isThere:
			lines = append(lines, id+": left behind"+now.summary())
		default:
			lines = append(lines, id+": gone"+old.summary())
		}
	}
	return lines
}

// index finds things by what they are called. Equal ones are numbered: two files may be open under one name.
func (s State) index() map[string]thing {
	m := make(map[string]thing, len(s.things))
	for _, t := range s.things {
		id := t.kind + " " + t.name
		for n := 2; ; n++ {
			if _, taken := m[id]; !taken {
				break
			}
			id = t.kind + " " + t.name + " (" + strconv.Itoa(n) + ")"
		}
		m[id] = t
	}
	return m
}

func keysOf(maps ...map[string]thing) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i, m := range maps {
			for id := range m {
				if _, seen := maps[0][id]; i > 0 && seen {
					continue
				}
				if !yield(id) {
					return
				}
			}
		}
	}
}

// changes are the properties of which t and now do not agree.
func (t thing) changes(now thing, id string) []string {
	var lines []string
	for _, p := range t.props {
		if v := now.value(p.name); v != p.value {
			lines = append(lines, fmt.Sprintf("%s: %s is %s, was %s", id, p.name, orNone(v), orNone(p.value)))
		}
	}
	for _, p := range now.props {
		if t.value(p.name) == "" && !slices.ContainsFunc(t.props, func(o prop) bool { return o.name == p.name }) && p.value != "" {
			lines = append(lines, fmt.Sprintf("%s: %s is %s, was %s", id, p.name, p.value, orNone("")))
		}
	}
	return lines
}

func (t thing) value(name string) string {
	for _, p := range t.props {
		if p.name == name {
			return p.value
		}
	}
	return ""
}

// isZero tells a number that is 0, as tables show it.
func isZero(s string) bool { return s == "0" || s == "0x0" }

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// summary is " (kind veth, mtu 1500)", or nothing.
func (t thing) summary() string {
	var words []string
	for _, p := range t.props {
		if p.value != "" && !isZero(p.value) && len(words) < summaryProps {
			words = append(words, p.name+" "+p.value)
		}
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}
