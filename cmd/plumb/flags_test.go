package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// What getopt_long(3) makes of a command line. "words" are the arguments that are left.
func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args string // with | between the words; "" is no word at all
		want string // options that were set, in their order, and the words that are left, after a colon
		err  string
	}{
		{"", ":", ""},
		{"--name=web", "name=web :", ""},
		{"--name|web", "name=web :", ""},
		{"--name|web|rest", "name=web : rest", ""},
		{"--name=", "name= :", ""},
		{"--name|", "name= :", ""},
		{"--name=a=b", "name=a=b :", ""},
		{"--name=a b|c d", "name=a b : c d", ""},
		{"--name|one|--name=two", "name=one name=two :", ""},
		{"-c1", "c=1 :", ""},
		{"-c|1", "c=1 :", ""},
		{"-c=1", "c=1 :", ""},
		{"-c-1", "c=-1 :", ""},
		{"-nq", "n=true q=true :", ""},
		{"-n|-q", "n=true q=true :", ""},
		{"-nqc|1", "n=true q=true c=1 :", ""},
		{"-nqc1|host", "n=true q=true c=1 : host", ""},
		{"-cn", "c=n :", ""},
		{"-n|-n", "n=true n=true :", ""},
		{"--bool", "bool=true :", ""},
		{"--bool=false", "bool=false :", ""},
		{"--bool|false", "bool=true : false", ""},
		{"--bool=", "bool= :", ""},

		{"--", ":", ""},
		{"--|--name|web", ": --name web", ""},
		{"--bool|--|-n", "bool=true : -n", ""},
		{"-", ": -", ""},
		{"-n|-|-q", "n=true : - -q", ""},
		{"--name|--", "name=-- :", ""},
		{"--name|--bool", "name=--bool :", ""},
		{"--name|-n", "name=-n :", ""},
		{"--name|-", "name=- :", ""},
		{"-c|-n", "c=-n :", ""},
		{"web|--bool", ": web --bool", ""},
		{"|--bool", ":  --bool", ""},

		{"--nonsense", "", "there is no option --nonsense"},
		{"--nonsense=1", "", "there is no option --nonsense"},
		{"--nam=web", "", "there is no option --nam"},
		{"--=web", "", "there is no option --"},
		{"-name", "n=true", "there is no option -ame"},
		{"-x", "", "there is no option -x"},
		{"-nx1", "n=true", "there is no option -x1"},
		{"--c=1", "", "there is no option --c"},
		{"---name=web", "", "there is no option ---name"},
		{"--name", "", "--name needs a value: NAME"},
		{"-c", "", "-c needs a value: N"},
		{"-nqc", "n=true q=true", "-c needs a value: N"},
		{"-é", "", "there is no option -é"},
		{"--name=bad", "", `--name "bad": it is refused`},
		{"-cbad", "", `-c "bad": it is refused`},
		{"--bool=bad|--name=web", "", `--bool "bad": it is refused`},
	} {
		f, set := newTestFlags()
		words, err := f.parse(split(c.args))
		if c.err != "" {
			var usage *usageError
			if !errors.As(err, &usage) || usage.help || err.Error() != c.err || words != nil || set.String() != c.want {
				t.Errorf("%q: set %q, words %q, %v; want set %q, %s", c.args, set, words, err, c.want, c.err)
			}
			continue
		}
		got := strings.TrimLeft(set.String()+" : "+strings.Join(words, " "), " ")
		if got = strings.TrimRight(got, " "); err != nil || got != c.want {
			t.Errorf("%q: %q, %v; want %q", c.args, got, err, c.want)
		}
	}
}

// Where options may stand among the arguments, only "--" ends them.
func TestParseAnywhere(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"":                        ":",
		"host":                    ": host",
		"host|-c1":                "c=1 : host",
		"-c|1|host|-n|other|-q":   "c=1 n=true q=true : host other",
		"--|host|-n":              ": host -n",
		"host|--|-n":              ": host -n",
		"host|--|-n|--|other":     ": host -n -- other",
		"host|-|-n":               "n=true : host -",
		"--name|--|host|-n":       "name=-- n=true : host", // the dashes are a value: they end nothing
		"-c|--|host|-n":           "c=-- n=true : host",
		"host|--name|web|--":      "name=web : host",
		"-n|--name=web|host|host": "n=true name=web : host host",
	} {
		f, set := newTestFlags()
		words, err := f.parseAnywhere(split(args))
		got := strings.TrimRight(strings.TrimLeft(set.String()+" : "+strings.Join(words, " "), " "), " ")
		if err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", args, got, err, want)
		}
	}
}

// The typed options, their usual values and what they say of others.
func TestTypedFlags(t *testing.T) {
	t.Parallel()
	type values struct {
		b bool
		s string
		i int
		f time.Duration
	}
	usual := values{b: true, s: "usual", i: 7, f: time.Second / 2}
	for args, want := range map[string]any{
		"":                        usual,
		"--b=false":               values{false, "usual", 7, time.Second / 2},
		"--b=0":                   values{false, "usual", 7, time.Second / 2},
		"--b":                     usual,
		"--s=":                    values{true, "", 7, time.Second / 2},
		"--i=-3":                  values{true, "usual", -3, time.Second / 2},
		"--f=1e3":                 `--ff "1e3": a number of seconds such as 5 or 0.2 is needed`,
		"--f=5m":                  `--ff "5m": a number of seconds such as 5 or 0.2 is needed`,
		"--i=1|--i=2":             values{true, "usual", 2, time.Second / 2},
		"--b=perhaps":             `--bb "perhaps": true or false is needed`,
		"--i=x":                   `--ii "x": a whole number is needed`,
		"--i=1.5":                 `--ii "1.5": a whole number is needed`,
		"--i=":                    `--ii "": a whole number is needed`,
		"--f=x":                   `--ff "x": a number of seconds such as 5 or 0.2 is needed`,
		"--i=9999999999999999999": `--ii "9999999999999999999": a whole number is needed`,
	} {
		var v values
		f := newFlags(command{name: "test"})
		f.BoolVar(&v.b, "bb", usual.b, "")
		f.StringVar(&v.s, "ss", usual.s, "")
		f.IntVar(&v.i, "ii", usual.i, "")
		seconds := f.Seconds("ff", usual.f, "")
		// An option of one letter has one dash: here they have two of each.
		line := split(strings.NewReplacer("--b", "--bb", "--s", "--ss", "--i", "--ii", "--f", "--ff").Replace(args))
		_, err := f.parse(line)
		v.f = *seconds
		if text, bad := want.(string); bad && (err == nil || err.Error() != text) {
			t.Errorf("%q: %v, want %s", line, err, text)
		} else if !bad && (err != nil || v != want) {
			t.Errorf("%q: %+v, %v; want %+v", line, v, err, want)
		}
	}
}

// Help is asked for wherever an option may stand, and is no error.
func TestHelp(t *testing.T) {
	want := `usage: plumb test [options]

what it does

options:
  --name NAME              the NAME
  -c N                     N times
  -n                       no names
  -q                       be quiet
  --bool                   yes or no
`
	for _, args := range []string{"--help", "-h", "-nh", "--name|web|--help", "--help=yes", "--help|--nonsense"} {
		f, _ := newTestFlags()
		var err error
		got := stdoutOf(t, func() { _, err = f.parse(split(args)) })
		if usage := (*usageError)(nil); !errors.As(err, &usage) || !usage.help || got != want {
			t.Errorf("%q: %v\n%s\nwant\n%s", args, err, got, want)
		}
	}
	for _, args := range []string{"--|--help", "web|-h", "--name|--help", "-c|-h"} {
		f, _ := newTestFlags()
		if _, err := f.parse(split(args)); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// newTestFlags are some options, and what they are set to.
func newTestFlags() (*flags, fmt.Stringer) {
	f := newFlags(command{name: "test", args: "[options]", summary: "what it does"})
	var list setList
	note := func(name string) func(string) error {
		return func(s string) error {
			if s == "bad" {
				return errors.New("it is refused")
			}
			list = append(list, name+"="+s)
			return nil
		}
	}
	f.Func("name", "the `NAME`", note("name"))
	f.Func("c", "`N` times", note("c"))
	f.BoolFunc("n", "no names", note("n"))
	f.BoolFunc("q", "be quiet", note("q"))
	f.BoolFunc("bool", "yes or no", note("bool"))
	return f, &list
}

type setList []string

func (l *setList) String() string { return strings.Join(*l, " ") }

func split(args string) []string {
	if args == "" {
		return nil
	}
	return slices.Clone(strings.Split(args, "|"))
}

// stdoutOf returns what f prints. The test that calls it is not parallel: stdout is the process's.
func stdoutOf(t *testing.T, f func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	old := os.Stdout
	os.Stdout = w
	f()
	os.Stdout = old
	w.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
