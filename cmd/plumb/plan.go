package main

import (
	"context"
	"strings"
	"sync"

	"plumb/container"
	"plumb/container/plan"
	"plumb/rtnl/wire"
)

func planCommand() command {
	c := command{
		name: "plan", args: "[options] run|attach [ARG...]",
		summary: "show what run or attach would send, with the commands that do the same, and send nothing that changes anything",
	}
	c.run = func(args []string) error {
		var p planner
		f := newFlags(c)
		f.BoolVar(&p.bytes, "bytes", false, "show each message's bytes, too (--trace=json has them anyway)")
		f.BoolVar(&p.all, "all", false, "show what the kernel is asked, and its answers, too: this is done")
		words, err := f.parse(args)
		switch {
		case err != nil:
			return err
		case len(words) == 0:
			return usagef("say what is to be planned: run or attach, and its arguments")
		case words[0] == "run":
			return planRun(words[1:], &p)
		case words[0] == "attach":
			attach := attachCommand()
			attach.name = "plan attach"
			return attachWith(attach, words[1:], &p)
		}
		return usagef("%q cannot be planned: run and attach can", words[0])
	}
	return c
}

// planRun plans plumb run.
func planRun(args []string, p *planner) (err error) {
	r := runOptions{networkFlags: networkFlags{tracing: tracing{plan: p}}}
	run := runCommand()
	run.name = "plan run"
	if err := r.parse(run, args); err != nil {
		return err
	}
	if r.spec.Pool {
		return usagef("--pool: a plan shows how a network is made, and that one is: leave it out")
	}
	r.complete()
	defer r.closeTrace(&err)
	host, err := r.openHost()
	if err != nil {
		return err
	}
	defer host.Close()
	_, err = host.Run(context.Background(), r.spec)
	return err
}

// A planner shows what a plan's host tells: what would be done, or all. It knows the commands beside messages, for it sees all of them.
type planner struct {
	bytes, all bool

	mu       sync.Mutex // guards what follows
	commands *container.Commands
	command  string // of the event that is shown
	to       wire.Tracer
}

// over returns a tracer that shows a plan by another; without a plan, that other one.
func (p *planner) over(to wire.Tracer) wire.Tracer {
	if p == nil || to == nil {
		return to
	}
	p.commands, p.to = container.NewCommands(), to
	return p
}

// Trace implements wire.Tracer.
func (p *planner) Trace(e wire.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.command = p.commands.Command(e)
	if p.all || changes(&e) {
		p.to.Trace(e)
	}
}

// Command implements trace.Commander, for the tracer that Trace calls.
func (p *planner) Command(wire.Event) string { return p.command }

// changes says whether an event is of what changes something, or of a part of the work.
func changes(e *wire.Event) bool {
	switch {
	case e.Kind == wire.KindStep:
		call, _, _ := strings.Cut(e.Purpose, " ")
		return call != "setns" && call != "hold" && !strings.HasPrefix(call, "socket(") && !strings.Contains(e.Purpose, " is ")
	case e.Kind != wire.KindMessage:
		return true
	case e.Sent:
		return !plan.Asks(e.Protocol.Family, e.Message)
	}
	return e.Err != nil && !plan.Asks(e.Protocol.Family, e.Err.Sent)
}
