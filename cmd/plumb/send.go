package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"plumb/container/netns"
	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/sockdiag"
	"plumb/rtnl/trace"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

func sendCommand() command {
	c := command{
		name: "send", args: "[options] [FILE|-|TEXT...]",
		summary: "send netlink messages that are described in a trace's own words, or in hexadecimal, and show what the kernel says",
	}
	c.run = func(args []string) error {
		var s sending
		f := newFlags(c)
		s.register(f)
		words, err := f.parseAnywhere(args)
		if err != nil {
			return err
		}
		if s.pid != 0 && s.path != "" {
			return usagef("--pid and --netns are two ways to say the same: give one")
		}
		text, err := inputOf(words, s.hex)
		if err != nil {
			return err
		}
		return s.run(text)
	}
	return c
}

// A sending is one run of plumb send.
type sending struct {
	family           string
	hex, dryRun, own bool
	quiet            bool
	pid              int
	path             string

	files []*os.File // whose descriptors are in the messages
}

func (s *sending) register(f *flags) {
	f.StringVar(&s.family, "family", "", "`NAME` of the netlink family: route, netfilter or sock_diag (default: the message's own; with --hex route)")
	f.BoolVar(&s.hex, "hex", false, "read bytes instead of words: what --dry-run prints, xxd's output, or hexadecimal digits")
	f.BoolVar(&s.dryRun, "dry-run", false, "send nothing: print the bytes, with their offsets and what they mean, as --hex reads them")
	f.BoolVar(&s.quiet, "q", false, "show what is sent in a line each, without its bytes")
	f.IntVar(&s.pid, "pid", 0, "send in the network namespace of the process `PID`")
	f.StringVar(&s.path, "netns", "", "send in the network namespace at `PATH`")
	f.BoolVar(&s.own, "here", false, "send even in the machine's own network namespace")
}

func (s *sending) run(text string) error {
	defer s.close()
	messages, err := s.read(text)
	if err != nil {
		return err
	}
	if s.dryRun {
		return s.list(os.Stdout, messages)
	}
	ns, name, err := s.namespace()
	if err != nil {
		return err
	}
	defer ns.Close()
	if !s.own && isMachines(ns) {
		return errOwnNamespace
	}
	start := time.Now()
	for _, group := range byFamily(messages) {
		if err := s.exchange(ns, name, start, group); err != nil {
			return err
		}
	}
	return nil
}

var errOwnNamespace = errors.New("this is the machine's own network namespace, where a message may cut it off: " +
	"try it in plumb lab, which opens a shell in a sealed host, or name another namespace by --pid or --netns; --here sends it all the same")

// namespace is where to send, and what to call it.
func (s *sending) namespace() (ns *netns.NS, name string, err error) {
	switch {
	case s.pid != 0:
		ns, err = netns.FromPID(s.pid)
		return ns, "pid " + strconv.Itoa(s.pid), err
	case s.path != "":
		ns, err = netns.FromPath(s.path)
		return ns, filepath.Base(s.path), err
	}
	ns, err = netns.Current()
	return ns, "here", err
}

// sendProtocols are the families that plumb knows, by the names that --family has for them.
func sendProtocols() (names []string, protocols []*wire.Protocol) {
	return []string{"route", "netfilter", "sock_diag"}, []*wire.Protocol{rtnl.Protocol, nat.Protocol, sockdiag.Protocol}
}

// read makes messages of the text.
func (s *sending) read(text string) ([]wire.Parsed, error) {
	names, protocols := sendProtocols()
	for i, name := range names {
		if s.family == name || s.family == protocols[i].Name {
			protocols = protocols[i : i+1]
			break
		}
	}
	if s.family != "" && len(protocols) > 1 {
		return nil, usagef("%q is no netlink family that is known here: %s", s.family, strings.Join(names, ", "))
	}
	if s.hex {
		return parseHexText(text, protocols[0])
	}
	return wire.Parse(text, wire.ParseOptions{Protocols: protocols, Open: s.open})
}

// open opens the file that a message names by a descriptor of it.
func (s *sending) open(path string) (fd int, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	s.files = append(s.files, f)
	return int(f.Fd()), nil
}

func (s *sending) close() {
	for _, f := range s.files {
		f.Close()
	}
}

// byFamily are the messages that can be sent together: a datagram is of one family.
func byFamily(messages []wire.Parsed) (groups [][]wire.Parsed) {
	for i, m := range messages {
		if i == 0 || m.Protocol != messages[i-1].Protocol {
			groups = append(groups, nil)
		}
		last := &groups[len(groups)-1]
		*last = append(*last, m)
	}
	return groups
}

// list prints the bytes of messages.
func (s *sending) list(w io.Writer, messages []wire.Parsed) error {
	for _, group := range byFamily(messages) {
		names, protocols := sendProtocols()
		for i, p := range protocols {
			if p == group[0].Protocol && i > 0 {
				fmt.Fprintf(w, "# to be sent with --family %s\n", names[i])
			}
		}
		for _, m := range group {
			if m.Purpose != "" {
				fmt.Fprintf(w, "# %s\n", m.Purpose)
			}
			if err := trace.Listing(w, m.Protocol, m.Message); err != nil {
				return err
			}
		}
	}
	return nil
}

// exchange sends messages of one family in one datagram, and shows them and the answers on stdout.
func (s *sending) exchange(ns *netns.NS, name string, start time.Time, messages []wire.Parsed) error {
	options := trace.Options{Color: colour(os.Stdout), Start: start}
	t := &sendTracer{out: os.Stdout, quiet: s.quiet, head: trace.Short(os.Stdout, options)}
	t.tree = trace.Text(&t.answers, options)
	c, err := netns.Open(ns, func() (*wire.Conn, error) {
		return wire.Dial(wire.Config{Protocol: messages[0].Protocol, Namespace: name, Tracer: t})
	})
	if err != nil {
		return err
	}
	defer c.Close()
	answers, err := c.Exchange(messages)
	if err == nil && answers == 0 {
		fmt.Fprintln(os.Stdout, "             # the kernel has nothing to say: it answers a refusal, and what has NLM_F_ACK or asks for something;"+
			" it passes over what has no NLM_F_REQUEST, and what is shorter than its nlmsg_len")
	}
	if refused := wire.Refusals(err); refused != nil {
		return &exitError{status: exitFailed, err: err}
	}
	return err
}

// A sendTracer shows what is sent with its bytes, and what comes back as a tree.
type sendTracer struct {
	out        io.Writer
	quiet      bool // no bytes of what is sent
	head, tree wire.Tracer
	answers    bytes.Buffer // what tree has to say
}

// Trace implements wire.Tracer. One Conn alone calls it.
func (t *sendTracer) Trace(e wire.Event) {
	t.answers.Reset()
	t.tree.Trace(e) // of what is sent it shows nothing, but has to know which transaction the answers end
	if !e.Sent {
		_, _ = t.out.Write(t.answers.Bytes())
		return
	}
	t.head.Trace(e)
	if !t.quiet {
		_ = trace.Listing(indented{t.out}, e.Protocol, e.Message)
	}
}

// indented writes lines below a head.
type indented struct{ io.Writer }

func (w indented) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		if _, err := io.WriteString(w.Writer, "                  "+line); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}
