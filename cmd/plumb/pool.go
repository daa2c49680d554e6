package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"

	"plumb/container"

	"golang.org/x/sys/unix"
)

func poolCommand() command {
	c := command{
		name: "pool", args: "fill N | drain | ls [options]",
		summary: "keep networks ready, which plumb run --pool takes in a tenth of the time: fill makes N, drain removes them, ls lists them",
	}
	c.run = func(args []string) error {
		var n networkFlags
		f := newFlags(c)
		asJSON := f.Bool("json", false, "print JSON")
		own := len(f.options)
		n.register(f)
		given := noteGiven(f.options[own:])
		words, err := f.parseAnywhere(args)
		if err != nil {
			return err
		}
		if len(words) == 0 {
			return usagef("say what to do: fill N, drain, or ls")
		}
		p := poolFlags{&n, *asJSON}
		do, most := map[string]func([]string) error{"fill": p.fill, "drain": p.drain, "ls": p.list}[words[0]], 1
		switch {
		case do == nil:
			return usagef("%q is not expected: fill N, drain and ls are", words[0])
		case words[0] == "fill":
			most = 2
		}
		if len(words) > most {
			return usagef("%q is not expected", words[most])
		}
		for _, name := range *given {
			if words[0] == "drain" || words[0] == "ls" && name != "network" {
				return usagef("%s says nothing to plumb pool %s: it is of networks that are made, with plumb pool fill", dashed(name), words[0])
			}
		}
		return do(words[1:])
	}
	return c
}

// noteGiven has options of a network note which of them are given.
func noteGiven(options []option) *[]string {
	given := new([]string)
	for i := range options {
		o := &options[i]
		if o.name == "trace" || o.name == "pcap" || o.name == "html" {
			continue
		}
		set, name := o.set, o.name
		o.set = func(value string) error {
			*given = append(*given, name)
			return set(value)
		}
	}
	return given
}

// poolFlags are the options of plumb pool.
type poolFlags struct {
	*networkFlags
	json bool
}

// fill makes the pool so large.
func (p *poolFlags) fill(words []string) (err error) {
	if len(words) == 0 {
		return usagef("say how many networks are to be ready: plumb pool fill N")
	}
	size, err := strconv.ParseUint(words[0], 10, 31)
	if err != nil {
		return usagef("%q is not how many networks are to be ready", words[0])
	}
	defer p.closeTrace(&err)
	host, err := p.openHost()
	if err != nil {
		return err
	}
	defer host.Close()
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	done, err := host.FillPool(ctx, container.PoolOptions{Network: p.network, Size: int(size)})
	if p.json {
		fmt.Println(jsonObject("made", jsonNumber(done.Made), "removed", jsonNumber(done.Removed)))
	} else if err == nil {
		fmt.Printf("%d made, %d removed, %d are to be ready\n", done.Made, done.Removed, size)
	}
	return err
}

// drain removes the pool.
func (p *poolFlags) drain([]string) (err error) {
	defer p.closeTrace(&err)
	host, err := p.openHost()
	if err != nil {
		return err
	}
	defer host.Close()
	removed, err := host.DrainPool()
	if p.json {
		fmt.Println(jsonObject("made", jsonNumber(0), "removed", jsonNumber(removed)))
	} else if err == nil {
		fmt.Printf("%d removed\n", removed)
	}
	return err
}

// list lists what is ready: in the shared pool, and in those that processes have for themselves.
func (p *poolFlags) list([]string) (err error) {
	defer p.closeTrace(&err)
	host, err := p.openHost()
	if err != nil {
		return err
	}
	defer host.Close()
	all, err := host.List(p.network.Network)
	if err != nil {
		return err
	}
	ready := all[:0]
	for _, c := range all {
		if c.Pool != 0 && c.State != container.Ending {
			ready = append(ready, c)
		}
	}
	size, holder := 0, 0
	shared, err := host.OpenPool()
	switch {
	case err == nil:
		size, holder = shared.Size(), shared.Holder()
		defer shared.Close()
	case !errors.Is(err, container.ErrNoPool):
		return err
	}
	if p.json {
		fmt.Println(jsonObject("size", jsonNumber(size), "holder", jsonNumber(holder), "ready", jsonList(containersJSON(ready))))
		return nil
	}
	rows := [][]string{{"NAME", "HOLDER", "ADDRESS", "ADDRESS6", "NETWORK", "AGE"}}
	for i := range ready {
		c := &ready[i]
		name := c.Name
		if c.State != container.Ready { // the table holds nothing of it: who takes it puts that back, or plumb gc --repair
			name += " (" + string(c.State) + ")"
		}
		rows = append(rows, []string{name, strconv.Itoa(c.Pool), addrText(c.Addr), addrText(c.Addr6), orDash(c.Network), ageText(c.Age)})
	}
	printColumns(os.Stdout, rows)
	if holder != 0 {
		fmt.Printf("%d are to be ready; process %d holds them\n", size, holder)
	}
	return nil
}
