package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// A usageError is a command line that cannot be meant: exit status 2, and the usage line.
type usageError struct {
	err  error
	help bool // not an error: the help was asked for, and printed
}

func (e *usageError) Error() string { return e.err.Error() }

func usagef(format string, args ...any) error {
	return &usageError{err: fmt.Errorf(format, args...)}
}

// flags is a command's flag set: long options with two dashes, help on --help, errors returned.
type flags struct {
	*flag.FlagSet
	command command
}

func newFlags(c command) *flags {
	f := &flags{flag.NewFlagSet(c.name, flag.ContinueOnError), c}
	f.SetOutput(io.Discard)
	return f
}

// parse reads the options that come before the first argument, and returns the arguments.
// What follows belongs to the command that is to be run.
func (f *flags) parse(args []string) ([]string, error) {
	err := f.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		f.printHelp(os.Stdout)
		return nil, &usageError{err: err, help: true}
	}
	if err != nil {
		return nil, usagef("%s", strings.ReplaceAll(err.Error(), "not defined: -", "not known: --"))
	}
	return f.Args(), nil
}

// parseAnywhere reads options wherever they stand among the arguments, and returns the arguments.
func (f *flags) parseAnywhere(args []string) ([]string, error) {
	var words []string
	for {
		rest, err := f.parse(args)
		if err != nil || len(rest) == 0 {
			return words, err
		}
		if len(args) > len(rest) && args[len(args)-len(rest)-1] == "--" {
			return append(words, rest...), nil
		}
		words, args = append(words, rest[0]), rest[1:]
	}
}

// printHelp prints the command's usage line, what it does and its options.
func (f *flags) printHelp(w io.Writer) {
	fmt.Fprintf(w, "usage: plumb %s %s\n\n%s\n", f.command.name, f.command.args, f.command.summary)
	first := true
	f.VisitAll(func(o *flag.Flag) {
		if first {
			fmt.Fprint(w, "\noptions:\n")
			first = false
		}
		dashes := "--"
		if len(o.Name) == 1 {
			dashes = "-"
		}
		value, text := flag.UnquoteUsage(o)
		fmt.Fprintf(w, "  %-24s %s\n", strings.TrimRight(dashes+o.Name+" "+value, " "), text)
	})
}

// printUsage prints every command in a line.
func printUsage(w io.Writer) {
	fmt.Fprint(w, "plumb gives a process its own network, straight from the kernel\n\nusage: plumb COMMAND [ARG...]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-10s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "\nplumb help COMMAND tells more of one.\n")
}

// help is plumb help [COMMAND].
func help(args []string) int {
	if len(args) == 0 {
		printUsage(os.Stdout)
		return 0
	}
	return dispatch([]string{args[0], "--help"})
}
