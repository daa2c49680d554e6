package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
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

// flags are a command's options, as getopt_long(3) reads them: --name VALUE, --name=VALUE, -c VALUE, -c1, -nq.
// Package flag knows no second dash, and weighs 50 KB.
type flags struct {
	command command
	options []option
	ended   bool // by "--", which parse came upon
}

// An option is one of flags. Its placeholder, the word in backquotes in its text, stands for the value in the help.
type option struct {
	name, text string
	value      string // the placeholder; "" for an option that takes no value, or only one after an equals sign
	set        func(value string) error
}

func newFlags(c command) *flags { return &flags{command: c, options: make([]option, 0, mostOptions)} }

// mostOptions is as many as a command has, so that the list of them is made once.
const mostOptions = 40

// add adds an option. One of a single letter has a single dash.
func (f *flags) add(name, value, text string, set func(string) error) {
	if before, rest, found := strings.Cut(text, "`"); found {
		word, after, _ := strings.Cut(rest, "`")
		value, text = word, before+word+after
	}
	f.options = append(f.options, option{name, text, value, set})
}

// Func adds an option whose value set is called with, once each time that it is given.
func (f *flags) Func(name, text string, set func(string) error) { f.add(name, "value", text, set) }

// BoolFunc is Func for an option that needs no value, and has "true" without one.
func (f *flags) BoolFunc(name, text string, set func(string) error) { f.add(name, "", text, set) }

// BoolVar adds an option that sets p, and with =false unsets it.
//
//go:noinline
func (f *flags) BoolVar(p *bool, name string, usual bool, text string) {
	*p = usual
	f.add(name, "", text, func(s string) (err error) {
		*p, err = strconv.ParseBool(s)
		return explainParse(err, "true or false is needed")
	})
}

// Bool is BoolVar with a variable of its own.
func (f *flags) Bool(name string, usual bool, text string) *bool {
	p := new(bool)
	f.BoolVar(p, name, usual, text)
	return p
}

// StringVar adds an option that sets p.
//
//go:noinline
func (f *flags) StringVar(p *string, name, usual, text string) {
	*p = usual
	f.add(name, "value", text, func(s string) error {
		*p = s
		return nil
	})
}

// String is StringVar with a variable of its own.
func (f *flags) String(name, usual, text string) *string {
	p := new(string)
	f.StringVar(p, name, usual, text)
	return p
}

// IntVar adds an option that sets p.
//
//go:noinline
func (f *flags) IntVar(p *int, name string, usual int, text string) {
	*p = usual
	f.add(name, "N", text, func(s string) (err error) {
		*p, err = strconv.Atoi(s)
		return explainParse(err, "a whole number is needed")
	})
}

// Int is IntVar with a variable of its own.
func (f *flags) Int(name string, usual int, text string) *int {
	p := new(int)
	f.IntVar(p, name, usual, text)
	return p
}

// SecondsVar adds an option for a time in seconds, such as 0.2, that sets p.
func (f *flags) SecondsVar(p *time.Duration, name string, usual time.Duration, text string) {
	*p = usual
	f.add(name, "N", text, func(s string) (err error) {
		*p, err = parseSeconds(s)
		return explainParse(err, "a number of seconds such as 5 or 0.2 is needed")
	})
}

// Seconds is SecondsVar with a variable of its own.
func (f *flags) Seconds(name string, usual time.Duration, text string) *time.Duration {
	p := new(time.Duration)
	f.SecondsVar(p, name, usual, text)
	return p
}

func parseSeconds(s string) (time.Duration, error) {
	if strings.Trim(s, "0123456789.") != "" { // or else "5m" would be milliseconds
		return 0, strconv.ErrSyntax
	}
	return time.ParseDuration(s + "s")
}

// errHelp is --help, which is no error.
var errHelp = errors.New("help")

// parse reads the options that come before the first argument, and returns the arguments. What follows belongs to the
// command that is to be run. "--" ends the options.
func (f *flags) parse(args []string) ([]string, error) {
	for len(args) > 0 {
		arg := args[0]
		if len(arg) < 2 || arg[0] != '-' {
			return args, nil
		}
		args = args[1:]
		if arg == "--" {
			f.ended = true
			return args, nil
		}
		var err error
		if strings.HasPrefix(arg, "--") {
			args, err = f.long(arg[2:], args)
		} else {
			args, err = f.short(arg[1:], args)
		}
		if err == errHelp {
			f.printHelp(os.Stdout)
			return nil, &usageError{err: err, help: true}
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// long reads an option of two dashes, and returns the arguments after it and its value.
func (f *flags) long(arg string, args []string) ([]string, error) {
	name, value, given := strings.Cut(arg, "=")
	o := f.find(name)
	switch {
	case name == "help" && o == nil:
		return nil, errHelp
	case o == nil || len(name) == 1:
		return nil, usagef("there is no option --%s", name)
	case given:
	case o.value == "":
		value = "true"
	case len(args) == 0:
		return nil, usagef("--%s needs a value: %s", name, o.value)
	default:
		value, args = args[0], args[1:]
	}
	return args, o.take("--"+name, value)
}

// short reads the options of one letter that stand behind one dash. What follows one that takes a value is the value.
func (f *flags) short(letters string, args []string) ([]string, error) {
	for i := range len(letters) {
		name, rest := letters[i:i+1], strings.TrimPrefix(letters[i+1:], "=")
		o := f.find(name)
		switch {
		case name == "h" && o == nil:
			return nil, errHelp
		case o == nil:
			return nil, usagef("there is no option -%s", letters[i:])
		case o.value == "":
			if err := o.take("-"+name, "true"); err != nil {
				return nil, err
			}
			continue
		case rest == "" && len(args) == 0:
			return nil, usagef("-%s needs a value: %s", name, o.value)
		case rest == "":
			rest, args = args[0], args[1:]
		}
		return args, o.take("-"+name, rest)
	}
	return args, nil
}

func (f *flags) find(name string) *option {
	for i := range f.options {
		if f.options[i].name == name {
			return &f.options[i]
		}
	}
	return nil
}

// take gives an option its value.
func (o *option) take(name, value string) error {
	if err := o.set(value); err != nil {
		return usagef("%s %q: %v", name, value, err)
	}
	return nil
}

// parseAnywhere reads options wherever they stand among the arguments, and returns the arguments.
func (f *flags) parseAnywhere(args []string) ([]string, error) {
	var words []string
	for {
		rest, err := f.parse(args)
		if err != nil || f.ended || len(rest) == 0 {
			return append(words, rest...), err
		}
		words, args = append(words, rest[0]), rest[1:]
	}
}

// printHelp prints the command's usage line, what it does and its options.
func (f *flags) printHelp(w io.Writer) {
	fmt.Fprintf(w, "%s\n\n%s\n", f.command.usage(), f.command.summary)
	if len(f.options) > 0 {
		fmt.Fprint(w, "\noptions:\n")
	}
	for _, o := range f.options {
		fmt.Fprintf(w, "  %-24s %s\n", strings.TrimRight(dashed(o.name)+" "+o.value, " "), o.text)
	}
}

// dashed is an option's name as it is given.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
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
	if len(args) == 0 || args[0] == "help" || strings.HasPrefix(args[0], "-") {
		printUsage(os.Stdout)
		return 0
	}
	return dispatch([]string{args[0], "--help"})
}
