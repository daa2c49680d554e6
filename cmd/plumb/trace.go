package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/genl"
	"plumb/rtnl/sockdiag"
	"plumb/rtnl/trace"
	"plumb/rtnl/trace/capture"
	"plumb/rtnl/trace/page"
	"plumb/rtnl/wire"
)

func traceCommand() command {
	c := command{
		name: "trace", args: "decode [options] [FILE]",
		summary: "decode netlink messages that were captured: a pcap or pcapng file, hexadecimal, or what strace prints; - is stdin",
	}
	c.run = func(args []string) error {
		d := decoding{family: capture.AnyFamily}
		f := newFlags(c)
		d.register(f)
		words, err := f.parseAnywhere(args)
		switch {
		case err != nil:
			return err
		case len(words) == 0 || words[0] != "decode":
			return usagef("what to do is missing: decode")
		case len(words) > 2:
			return usagef("takes one file, was given %q too", words[2])
		case len(words) == 1:
			words = append(words, "-")
		}
		return d.run(words[1])
	}
	return c
}

// A decoding is one run of plumb trace decode.
type decoding struct {
	form   string // "text", "short", "json" or "html"
	family int
	header string // the type of messages without a header

	out    *bufio.Writer
	start  time.Time // what times count from, where the capture says it
	tracer wire.Tracer
	page   *page.Page // the tracer, where it is one
}

func (d *decoding) register(f *flags) {
	d.form = "text"
	f.Func("form", "`FORM` of what is printed: text, which is the usual one, short or json, as --trace has them, or html, a page as of --html", func(s string) error {
		switch s {
		case "text", "short", "json", "html":
		default:
			return errors.New("text, short, json or html is needed")
		}
		d.form = s
		return nil
	})
	for _, form := range []string{"short", "json", "html"} {
		f.BoolFunc(form, "the same as --form "+form, func(string) error {
			d.form = form
			return nil
		})
	}
	registerFamily(f, &d.family)
	f.StringVar(&d.header, "type", "", "`TYPE` of messages that come without their header, such as RTM_NEWLINK, or its number")
}

// registerFamily adds the option that says what hexadecimal is.
func registerFamily(f *flags, family *int) {
	f.Func("family", "netlink `FAMILY` of messages that come without, such as hexadecimal: route, netfilter, generic, sock_diag or another, "+
		"or its number (default: netfilter where a message's type has a subsystem, or else route)", func(s string) (err error) {
		known := false
		if *family, known = capture.FamilyByName(s); !known {
			return errors.New("there is none of that name")
		}
		return nil
	})
}

// run decodes a file to stdout.
func (d *decoding) run(path string) error {
	d.out = bufio.NewWriter(os.Stdout)
	options := capture.Options{Family: d.family, Start: func(at time.Time) { d.start = at }}
	if d.header != "" {
		var err error
		if options.Family, options.Header, err = findType(d.family, d.header); err != nil {
			return err
		}
	}
	err := play(path, options, d)
	if d.page != nil {
		_ = d.page.Close() // if it cannot be written, Flush says so, too
	}
	return errors.Join(d.out.Flush(), err) // what could be read is shown all the same
}

// Trace implements wire.Tracer. With the first event it is known what times count from.
func (d *decoding) Trace(e wire.Event) {
	if d.tracer == nil {
		options := trace.Options{Start: d.start, Color: colour(os.Stdout), Commands: (&tracing{}).commander()}
		switch d.form {
		case "short":
			d.tracer = trace.Short(d.out, options)
		case "json":
			d.tracer = trace.JSON(d.out, options)
		case "html":
			d.page = page.New(d.out, page.Options{Title: "plumb " + strings.Join(os.Args[1:], " "), Start: d.start, Commands: options.Commands})
			d.tracer = d.page
		default:
			d.tracer = trace.Text(d.out, options)
		}
	}
	d.tracer.Trace(e)
}

// play tells a tracer of what is in a file.
func play(path string, options capture.Options, tracer wire.Tracer) error {
	file, name := os.Stdin, "standard input"
	if path != "-" {
		var err error
		if file, err = os.Open(path); err != nil {
			return err
		}
		defer file.Close()
		name = path
	}
	counted := counter{Tracer: tracer}
	err := playFrom(file, options, &counted)
	switch {
	case err != nil:
		return fmt.Errorf("decode %s: %w", name, err)
	case counted.n == 0:
		return fmt.Errorf("decode %s: there is no netlink message in it", name)
	}
	return nil
}

func playFrom(r io.Reader, options capture.Options, tracer wire.Tracer) error {
	source, err := capture.Open(r)
	if err != nil {
		return err
	}
	options.Protocol = protocolOf(protocols())
	return capture.Play(source, options, tracer)
}

// A counter counts the events that it passes on.
type counter struct {
	wire.Tracer
	n int
}

func (c *counter) Trace(e wire.Event) {
	c.n++
	c.Tracer.Trace(e)
}

// findType finds a message type by its name, in a family or in any, or by its number.
func findType(family int, name string) (int, *uint16, error) {
	if n, err := strconv.ParseUint(name, 0, 16); err == nil {
		typ := uint16(n)
		return family, &typ, nil
	}
	for _, p := range protocols() {
		for n := range 1 << 16 {
			if typ := uint16(n); (family == capture.AnyFamily || family == p.Family) && p.Info(typ).Name == name {
				return p.Family, &typ, nil
			}
		}
	}
	return 0, nil, usagef("--type %q: there is no message type of that name", name)
}

// protocols are the families whose messages have names, for one capture: generic netlink's learns from it.
func protocols() []*wire.Protocol {
	return []*wire.Protocol{rtnl.Protocol, nat.Protocol, sockdiag.Protocol, genl.New()}
}

// protocolOf returns what finds the protocol of a netlink family, or returns nil.
func protocolOf(all []*wire.Protocol) func(family int) *wire.Protocol {
	return func(family int) *wire.Protocol {
		for _, p := range all {
			if p.Family == family {
				return p
			}
		}
		return nil
	}
}
