package container

import (
	"io"
	"strconv"
	"strings"
	"time"

	"plumb/container/netns"
	"plumb/rtnl/wire"
)

// A story tells a tracer what is done beside the messages, and why: the parts of the work, and the system calls in them that
// are worth to be told. Without a tracer it costs nothing.
type story struct {
	tracer    wire.Tracer // nil: nobody is told
	namespace string
	part      wire.Part
}

// next ends the part that is under way, and begins another.
func (s *story) next(what, why string) {
	s.part.End(nil)
	s.part = wire.Begin(s.tracer, s.namespace, what, why)
}

// end ends the part that is under way.
func (s *story) end(err error) { s.part.End(err) }

// now is the time, where somebody is told.
func (s *story) now() (t time.Time) {
	if s.tracer != nil {
		t = time.Now()
	}
	return t
}

// did tells of a step that began at start and ends now. Its words are joined.
func (s *story) did(namespace string, start time.Time, err error, words ...string) {
	if s.tracer != nil {
		wire.Step(s.tracer, namespace, strings.Join(words, ""), start, err)
	}
}

// hostName is what traces call the namespace that containers are attached to.
const hostName = "host"

// story tells of what is done to the host.
func (h *Host) story() story { return story{tracer: h.tracer, namespace: hostName} }

// whole begins a part that has others in it, of what is done to a container.
func (h *Host) whole(what, container string) wire.Part {
	if h.tracer == nil {
		return wire.Part{}
	}
	return wire.Begin(h.tracer, hostName, what+container, "")
}

// readSysctl and writeSysctl are those of the host's namespace, told.
func (h *Host) readSysctl(name string) (value string, err error) {
	s := h.story()
	start := s.now()
	value, err = h.ns.ReadSysctl(name)
	s.did(hostName, start, err, "sysctl ", name, " is ", value)
	return value, err
}

func (h *Host) writeSysctl(name, value string) error {
	s := h.story()
	start := s.now()
	var err error
	if !h.plans {
		err = h.ns.WriteSysctl(name, value)
	}
	s.did(hostName, start, err, "sysctl ", name, "=", value)
	return err
}

// cloned tells of the clone of a container's process.
func (s *story) cloned(start time.Time, process int, spec ProcessSpec, err error) {
	if s.tracer == nil {
		return
	}
	flags, pid := "CLONE_NEWNS|CLONE_NEWPID|CLONE_NEWUTS|CLONE_NEWIPC|CLONE_NEWCGROUP", ""
	if spec.NetNS == nil {
		flags += "|CLONE_NEWNET"
	}
	if process != 0 {
		pid = ": process " + strconv.Itoa(process)
	}
	s.did(hostName, start, err, "clone(", flags, ")", pid)
}

// byDescriptor is in the steps that name a namespace, before the number of the descriptor that messages name it by: see Commands.
const byDescriptor = " by descriptor "

// holdStep begins the step of holds.
const holdStep = "hold the network namespace of "

// holds tells by which descriptor a namespace is held.
func (s *story) holds(namespace string, ns *netns.NS) {
	if s.tracer != nil {
		s.did(namespace, s.now(), nil, holdStep, namespace, byDescriptor, strconv.Itoa(ns.FD()))
	}
}

// openThere opens something in a namespace, which takes a setns there and one back, and tells what it was.
func openThere[C io.Closer](s *story, ns *netns.NS, namespace, what string, open func() (C, error)) (C, error) {
	start := s.now()
	c, err := netns.Open(ns, open)
	s.did(namespace, start, err, "setns ", namespace, ": ", what)
	return c, err
}
