// Command plumb gives a process its own network, by talking to the kernel and to nobody else.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"plumb/container"
)

// A command is one word after plumb; each has a file of its own.
type command struct {
	name    string
	args    string // what follows the name in the usage line
	summary string
	run     func(args []string) error

	usageStatus int // exit status of a command line that cannot be meant; 0 is exitUsage
}

func commands() []command {
	return []command{
		runCommand(),
		execCommand(),
		demoCommand(),
		attachCommand(),
		detachCommand(),
		planCommand(),
		lsCommand(),
		inspectCommand(),
		poolCommand(),
		gcCommand(),
		doctorCommand(),
		traceCommand(),
		diffCommand(),
		benchCommand(),
		pingCommand(),
		labCommand(),
		sendCommand(),
		lookupCommand(),
		fetchCommand(),
		versionCommand(),
	}
}

// usage is the command's usage line.
func (c command) usage() string { return strings.TrimRight("usage: plumb "+c.name+" "+c.args, " ") }

func main() {
	container.Init()
	growStack()
	os.Exit(dispatch(os.Args[1:]))
}

// growStack gives the goroutine at once the stack that commands need. It would grow to it by doublings, at each of which it is moved, frame by frame:
// in all some 3 % of the time of a plumb run.
//
//go:noinline
func growStack() byte {
	var room [12 << 10]byte
	return room[len(os.Args)&1]
}

// dispatch runs the command that args name and returns the exit status.
func dispatch(args []string) int {
	if len(args) == 0 {
		printUsage(os.Stderr)
		return exitUsage
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.status(c.run(args[1:]))
		}
	}
	switch args[0] {
	case "help", "-h", "--help":
		return help(args[1:])
	case "--version":
		return dispatch([]string{"version"})
	}
	fmt.Fprintf(os.Stderr, "plumb: %q is not a command: see plumb help\n", args[0])
	return exitUsage
}

// The exit statuses that every command shares. A command that has others returns an exitError.
const (
	exitFailed = 1
	exitUsage  = 2
)

// An exitError ends plumb with a status of its own. Err is printed unless it is nil.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// An onError is about one of the things that a command was given by name: "plumb: attach web: ...".
type onError struct {
	name string
	err  error
}

func (e *onError) Error() string { return e.name + ": " + e.err.Error() }
func (e *onError) Unwrap() error { return e.err }

// status prints what went wrong, if anything did, and returns the exit status that says so.
func (c command) status(err error) int {
	if err == nil {
		return 0
	}
	var usage *usageError
	if errors.As(err, &usage) {
		if usage.help {
			return 0
		}
		fmt.Fprintf(os.Stderr, "plumb: %s: %v\n%s\n", c.name, usage.err, c.usage())
		if c.usageStatus != 0 {
			return c.usageStatus
		}
		return exitUsage
	}
	status := exitFailed
	var exit *exitError
	if errors.As(err, &exit) {
		status = exit.status
		if exit.err == nil {
			return status
		}
	}
	what := c.name
	if on := (*onError)(nil); errors.As(err, &on) {
		what, err = what+" "+on.name, on.err
	}
	fmt.Fprintf(os.Stderr, "plumb: %s: %v\n", what, err)
	return status
}
