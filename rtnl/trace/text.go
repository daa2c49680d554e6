package trace

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"plumb/rtnl/wire"
)

// Options say how a trace looks.
type Options struct {
	Color bool      // with the escape sequences of a terminal
	Start time.Time // what times count from; zero means the first event

	Commands Commander // knows the command beside a message; nil for none
}

// Text returns a tracer that writes each event to w as a tree, in one Write. It may be shared by any number of
// Conns. A trace that cannot be written is lost: what is traced goes on.
func Text(w io.Writer, options Options) wire.Tracer {
	return &text{w: w, options: options, open: map[string]bool{}}
}

// Short is Text with one line for each message.
func Short(w io.Writer, options Options) wire.Tracer {
	return &text{w: w, options: options, short: true, open: map[string]bool{}}
}

type text struct {
	options Options
	short   bool

	mu    sync.Mutex // guards what follows
	w     io.Writer
	open  map[string]bool // the namespaces in which a batch has begun and not ended
	parts parts
}

// Trace implements wire.Tracer.
func (t *text) Trace(e wire.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.options.Start.IsZero() {
		t.options.Start = e.Time
	}
	p := &page{color: t.options.Color, short: t.short, bracket: "  ", gutter: "  "}
	t.write(p, e)
	_, _ = io.WriteString(t.w, p.String())
}

func (t *text) write(p *page, e wire.Event) {
	p.since = e.Time.Sub(t.options.Start)
	p.namespace = e.Namespace
	if t.options.Commands != nil {
		p.command = t.options.Commands.Command(e)
	}
	switch {
	case e.Kind == wire.KindBegin:
		p.begins(t.parts.begin(&e), e)
		return
	case e.Kind == wire.KindEnd:
		p.ends(t.parts.end(&e), e)
		return
	case e.Message == nil:
		p.step(e)
		return
	}
	if e.Protocol == nil {
		p.unreadable(e, "a message of no protocol")
		return
	}
	view, err := e.Protocol.View(e.Message)
	if err != nil {
		p.unreadable(e, err.Error())
		return
	}
	p.bracket, p.gutter = t.brackets(e, view.Name)
	p.message(e, view)
}

// brackets join what is sent from nfnetlink's NFNL_MSG_BATCH_BEGIN to its NFNL_MSG_BATCH_END: one transaction.
func (t *text) brackets(e wire.Event, name string) (head, below string) {
	switch {
	case !e.Sent:
	case strings.HasSuffix(name, "_BATCH_BEGIN"):
		t.open[e.Namespace] = true
		return "┌ ", "│ "
	case strings.HasSuffix(name, "_BATCH_END"):
		delete(t.open, e.Namespace)
		return "└ ", "  "
	case t.open[e.Namespace]:
		return "│ ", "│ "
	}
	return "  ", "  "
}

// message writes a message that was sent or received.
func (p *page) message(e wire.Event, v wire.View) {
	head := fmt.Sprintf("%s %s seq=%d len=%d", p.paint(bold, v.Name), flags(v.Flags), v.Header.Sequence, v.Header.Length)
	p.head(arrow(e.Sent), head, purpose(e)+p.outcome(e, v))
	if p.short {
		return
	}
	p.commands()
	switch {
	case e.Err != nil:
		p.refusal(e, v)
	case v.Name == "NLMSG_ERROR" || v.Name == "NLMSG_DONE":
		p.warnings(v.Nodes)
	default:
		p.nodes(v.Nodes, 0)
	}
}

// outcome is what an answer says, in a few words.
func (p *page) outcome(e wire.Event, v wire.View) string {
	after := ""
	if e.Latency > 0 {
		after = " after " + e.Latency.Round(100*time.Nanosecond).String()
	}
	switch {
	case e.Err != nil && p.short:
		return ": " + p.paint(red, clean(why(e.Err))) + after
	case e.Err != nil:
		return ": " + p.paint(red, "refused") + after
	case v.Name == "NLMSG_ERROR" && len(v.Nodes) > 0 && v.Nodes[0].Value != "0":
		return ": " + p.paint(red, v.Nodes[0].Value) + after
	case v.Name == "NLMSG_ERROR":
		return ": " + p.paint(green, "done") + after
	case v.Name == "NLMSG_DONE":
		return ": the end" + after
	}
	return after
}

// refusal says why the kernel refused a message, and marks in what was sent where it points to.
func (p *page) refusal(e wire.Event, v wire.View) {
	p.line(0, "", p.paint(red, clean(why(e.Err))))
	for i := range v.Nodes {
		if v.Nodes[i].Name == "NLMSGERR_ATTR_POLICY" { // what it would have taken
			p.nodes(v.Nodes[i:i+1], 0)
		}
	}
	if e.Err.Offset == 0 || e.Err.Sent == nil {
		return
	}
	if sent, err := e.Protocol.View(e.Err.Sent); err == nil {
		p.marked(sent.Nodes, e.Err.Offset-headerSize, 0)
	}
}

// why is an error without what was attempted, which the head line says.
func why(err *wire.Error) string { return strings.TrimPrefix(err.Error(), err.Op+": ") }

const headerSize = 16 // struct nlmsghdr, linux/netlink.h

// marked writes the nodes on the way to the byte at offset, and a mark at the last.
func (p *page) marked(nodes []wire.Node, offset, depth int) {
	for i := range nodes {
		n := &nodes[i]
		if offset < n.Offset || offset >= n.Offset+n.Length {
			continue
		}
		inner := n.Offset + n.Header
		if len(n.Children) > 0 && offset >= inner {
			p.line(depth, "", p.named(n))
			p.marked(n.Children, offset, depth+1)
		} else {
			p.line(depth, p.paint(red, "▸ "), p.named(n))
		}
		return
	}
}

// warnings writes the extended ACK of an answer that refuses nothing: some requests are done with a warning.
func (p *page) warnings(nodes []wire.Node) {
	for i := range nodes {
		if nodes[i].Header > 0 {
			p.nodes(nodes[i:], 0)
			return
		}
	}
}

// step writes what was done without a message.
func (p *page) step(e wire.Event) {
	outcome := ""
	if e.Latency > 0 {
		outcome = " after " + e.Latency.Round(100*time.Nanosecond).String()
	}
	if e.Err != nil {
		outcome = ": " + p.paint(red, clean(why(e.Err))) + outcome
	}
	p.head("·", p.paint(bold, clean(e.Purpose)), outcome)
	if !p.short {
		p.commands()
	}
}

// begins writes the heading of a part of the work, from the first column on: what follows belongs to it.
func (p *page) begins(number string, e wire.Event) {
	heading := "# step " + number + ": " + clean(e.Purpose)
	if e.Why != "" {
		heading += ": " + clean(e.Why)
	}
	p.WriteString(p.paint(bold, heading) + "\n")
}

// ends writes what a part of the work took.
func (p *page) ends(number string, e wire.Event) {
	outcome := " took " + e.Latency.Round(time.Microsecond).String()
	if e.Err != nil {
		outcome = p.paint(red, " failed") + " after " + e.Latency.Round(time.Microsecond).String() + ": " + p.paint(red, clean(why(e.Err)))
	}
	p.WriteString(p.paint(dim, "# step "+number) + outcome + "\n")
}

// unreadable writes bytes that are no message.
func (p *page) unreadable(e wire.Event, why string) {
	p.head(arrow(e.Sent), p.paint(red, why), purpose(e))
	if !p.short {
		p.line(0, "", cut(fmt.Sprintf("%#x", e.Message)))
	}
}
