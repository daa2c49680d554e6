package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"plumb/container"
)

// detachFlags say whose networks detach takes away.
type detachFlags struct {
	tracing
	names         []string
	all, json     bool
	named         string   // the network that all are of
	gone, missing []string // those that have been detached, and those that were not attached
}

func detachCommand() command {
	c := command{
		name: "detach", args: "NAME... | --all [--network NAME] [options]",
		summary: "take containers' networks away; content if they are gone already",
	}
	c.run = func(args []string) (err error) {
		var d detachFlags
		f := newFlags(c)
		f.BoolVar(&d.all, "all", false, "all that are attached, at once; what killed processes have left goes too")
		f.StringVar(&d.named, "network", "", "with --all: those of the network `NAME` only")
		f.BoolVar(&d.json, "json", false, "print JSON")
		d.registerTrace(f)
		d.names, err = f.parseAnywhere(args)
		switch {
		case err != nil:
			return err
		case d.all && len(d.names) > 0:
			return usagef("--all and %q: give names, or --all", strings.Join(d.names, " "))
		case d.named != "" && !d.all:
			return usagef("--network %s: it says which --all are meant", d.named)
		case !d.all && len(d.names) == 0:
			return usagef("give the NAME that was attached, or --all")
		}
		defer d.closeTrace(&err)
		host, err := d.openHost()
		if err != nil {
			return err
		}
		defer host.Close()
		err = d.detach(host)
		if d.json {
			fmt.Println(jsonObject("detached", jsonStrings(d.gone), "missing", jsonStrings(d.missing)))
		}
		return err
	}
	return c
}

func (d *detachFlags) detach(host *container.Host) (err error) {
	if d.all {
		d.gone, err = host.DetachAll(d.named)
		return err
	}
	if len(d.names) == 1 {
		found, err := host.Detach(d.names[0])
		if err != nil {
			return &onError{d.names[0], err}
		}
		if found {
			d.gone = d.names
		}
	} else if d.gone, err = host.DetachEach(d.names...); err != nil {
		return err
	}
	for _, name := range d.names {
		if slices.Contains(d.gone, name) {
			continue
		}
		d.missing = append(d.missing, name)
		if !d.json {
			fmt.Fprintf(os.Stderr, "plumb: note: nothing named %s is attached\n", name)
		}
	}
	return nil
}
