package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"plumb/rtnl/trace/capture"
	"plumb/rtnl/trace/compare"
)

func diffCommand() command {
	c := command{
		name: "diff", args: "[options] A B",
		summary: "show what two captured set-ups do differently, by message and attribute; exit status 0 for nothing, 1 for something, 2 for trouble",
	}
	c.run = func(args []string) error {
		d := differ{family: capture.AnyFamily}
		f := newFlags(c)
		f.BoolVar(&d.json, "json", false, "print JSON")
		f.BoolVar(&d.order, "order", false, "what both do in another order is a difference, too")
		registerFamily(f, &d.family)
		words, err := f.parseAnywhere(args)
		switch {
		case err != nil:
			return err
		case len(words) != 2:
			return usagef("two files are needed, that plumb trace decode can read; %d were given", len(words))
		case words[0] == "-" && words[1] == "-":
			return usagef("stdin can be one of the files, and not both")
		}
		different, err := d.run(os.Stdout, words[0], words[1])
		switch {
		case err != nil: // 1 says that there are differences
			return &exitError{exitUsage, err}
		case different:
			return &exitError{exitFailed, nil}
		}
		return nil
	}
	return c
}

// A differ is one run of plumb diff.
type differ struct {
	json, order bool
	family      int
}

func (d *differ) run(w io.Writer, a, b string) (different bool, err error) {
	var sets [2]compare.Set
	for i, path := range []string{a, b} {
		if err := play(path, capture.Options{Family: d.family}, &sets[i]); err != nil {
			return false, err
		}
		if sets[i].Dropped > 0 {
			return false, fmt.Errorf("%s: more than %d requests: %w", path, compare.MaxRequests, compare.ErrTooMany)
		}
	}
	all, err := compare.Compare(&sets[0], &sets[1])
	if err != nil {
		return false, err
	}
	var list []compare.Difference
	for i := range all {
		if d.order || !all[i].Moved || len(all[i].Changed) > 0 {
			list = append(list, all[i])
		}
	}
	out := bufio.NewWriter(w)
	if d.json {
		fmt.Fprintln(out, differencesJSON(list))
	} else if len(list) > 0 {
		fmt.Fprintf(out, "--- %s (%d requests)\n+++ %s (%d requests)\n", a, len(sets[0].Requests), b, len(sets[1].Requests))
		for i := range list {
			printDifference(out, &list[i])
		}
	}
	return len(list) > 0, out.Flush()
}

// printDifference prints a request that one side alone has with all its attributes, and one of both with those that differ.
func printDifference(w io.Writer, d *compare.Difference) {
	switch {
	case d.B == nil:
		printRequest(w, "-", d.A)
		return
	case d.A == nil:
		printRequest(w, "+", d.B)
		return
	}
	moved := ""
	if d.Moved {
		moved = "  (in another order)"
	}
	fmt.Fprintf(w, "  %s%s\n", title(d.B), moved)
	for _, c := range d.Changed {
		if c.A != nil {
			fmt.Fprintf(w, "-     %s %s\n", c.Name, visible(*c.A))
		}
		if c.B != nil {
			fmt.Fprintf(w, "+     %s %s\n", c.Name, visible(*c.B))
		}
	}
}

// printRequest leaves out the fields of fixed structs that are 0, which say nothing.
func printRequest(w io.Writer, mark string, r *compare.Request) {
	fmt.Fprintf(w, "%s %s\n", mark, title(r))
	for _, a := range r.Attributes {
		zero := a.Value == "0" || a.Value == "0x0" || a.Value == "AF_UNSPEC"
		if a.Value != "" && !(zero && strings.ToLower(a.Name) == a.Name) {
			fmt.Fprintf(w, "%s     %s %s\n", mark, a.Name, visible(a.Value))
		}
	}
}

// title is a request's type, what it is about, and what it was for.
func title(r *compare.Request) string {
	text := strings.TrimRight(r.Type+" "+r.What, " ")
	if r.Purpose != "" {
		text += "  # " + r.Purpose
	}
	return visible(text)
}

// visible makes sure that what is captured moves no cursor.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '�'
		}
		return r
	}, s)
}

func differencesJSON(list []compare.Difference) jsonText {
	var all []jsonText
	for i := range list {
		d := &list[i]
		of, what := d.A, "only-a"
		switch {
		case d.A == nil:
			of, what = d.B, "only-b"
		case d.B != nil && len(d.Changed) > 0:
			what = "changed"
		case d.B != nil:
			what = "moved"
		}
		var attributes []jsonText
		for _, c := range d.Changed {
			attributes = append(attributes, jsonObject("name", jsonString(c.Name), "a", jsonOptional(c.A), "b", jsonOptional(c.B)))
		}
		if d.A == nil || d.B == nil {
			for i := range of.Attributes {
				a, b := &of.Attributes[i].Value, (*string)(nil)
				if d.A == nil {
					a, b = nil, a
				}
				attributes = append(attributes, jsonObject("name", jsonString(of.Attributes[i].Name), "a", jsonOptional(a), "b", jsonOptional(b)))
			}
		}
		all = append(all, jsonObject(
			"difference", jsonString(what), "type", jsonString(of.Type), "about", jsonString(of.What), "purpose", jsonString(of.Purpose),
			"moved", jsonBool(d.Moved), "attributes", jsonList(attributes),
		))
	}
	return jsonList(all)
}

// jsonOptional is null where there is none.
func jsonOptional(s *string) jsonText {
	if s == nil {
		return "null"
	}
	return jsonString(*s)
}
