package trace

import (
	"fmt"
	"strings"
	"time"

	"plumb/rtnl/wire"
)

const headerSize = 16 // struct nlmsghdr, linux/netlink.h

// message writes a message that was sent or received.
func (p *page) message(e *wire.Event, v *wire.View) {
	head := fmt.Sprintf("%s %s seq=%d len=%d", p.paint(bold, v.Name), flags(v.Flags), v.Header.Sequence, v.Header.Length)
	p.head(arrow(e.Sent), head, purpose(e)+p.outcome(e, v))
	p.commands()
	switch {
	case e.Err != nil:
		p.refusal(e, v)
	case v.Name == "NLMSG_ERROR" || v.Name == "NLMSG_DONE":
		p.warnings(v.Nodes)
	default:
		p.nodes(v.Nodes, 0)
	}
	if p.bytes {
		p.dump(e.Message)
	}
}

// outcome is what an answer says, in a few words.
func (p *page) outcome(e *wire.Event, v *wire.View) string {
	after := ""
	if e.Latency > 0 {
		after = " after " + round(e.Latency)
	}
	switch {
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
func (p *page) refusal(e *wire.Event, v *wire.View) {
	p.line(0, "", p.paint(red, clean(why(e.Err))))
	for i := range v.Nodes {
		switch n := v.Nodes[i]; n.Name {
		case "NLMSGERR_ATTR_POLICY": // what it would have taken
			p.nodes(v.Nodes[i:i+1], 0)
		case "NLMSGERR_ATTR_MISS_TYPE": // Missing has the names of both
			n.Value += bracketed(lastOf(e.Err.Missing))
			p.line(0, "", p.named(&n))
		case "NLMSGERR_ATTR_MISS_NEST":
			n.Value += bracketed(outOf(e.Err.Missing))
			p.line(0, "", p.named(&n))
		}
	}
	if e.Err.Offset == 0 || e.Err.Sent == nil {
		return
	}
	if sent, err := e.Protocol.View(e.Err.Sent); err == nil {
		p.fault(&sent, e.Err)
	}
}

func bracketed(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// lastOf is the last name of a path, outOf what comes before it.
func lastOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

func outOf(path string) string { return path[:max(0, strings.LastIndexByte(path, '/'))] }

// why is an error without what was attempted, which the head line says.
func why(err *wire.Error) string { return strings.TrimPrefix(err.Error(), err.Op+": ") }

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
func (p *page) step(e *wire.Event) {
	outcome := ""
	if e.Latency > 0 {
		outcome = " after " + round(e.Latency)
	}
	if e.Err != nil {
		outcome = ": " + p.paint(red, clean(why(e.Err))) + outcome
	}
	p.head("·", p.paint(bold, clean(e.Purpose)), outcome)
	p.commands()
}

// begins writes the heading of a part of the work, from the first column on: what follows belongs to it.
func (p *page) begins(number string, e *wire.Event) {
	heading := "# step " + number + ": " + clean(e.Purpose)
	if e.Why != "" {
		heading += ": " + clean(e.Why)
	}
	p.WriteString(p.paint(bold, heading) + "\n")
}

// ends writes what a part of the work took.
func (p *page) ends(number string, e *wire.Event) {
	took := e.Latency.Round(time.Microsecond).String()
	outcome := " took " + took
	if e.Err != nil {
		outcome = p.paint(red, " failed") + " after " + took + ": " + p.paint(red, clean(why(e.Err)))
	}
	p.WriteString(p.paint(dim, "# step "+number) + outcome + "\n")
}

// unreadable writes bytes that are no message.
func (p *page) unreadable(e *wire.Event, why string) {
	p.head(arrow(e.Sent), p.paint(red, why), purpose(e))
	p.line(0, "", p.cut(fmt.Sprintf("%#x", e.Message)))
}
