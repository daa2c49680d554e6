package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"plumb/container"
)

func inspectCommand() command {
	c := command{name: "inspect", args: "NAME... [options]", summary: "tell all about a container, as the kernel has it"}
	c.run = func(args []string) (err error) {
		var t tracing
		f := newFlags(c)
		asJSON := f.Bool("json", false, "print JSON")
		t.registerTrace(f)
		names, err := f.parseAnywhere(args)
		if err != nil {
			return err
		}
		if len(names) == 0 {
			return usagef("give the NAME of a container: plumb ls lists them")
		}
		defer t.closeTrace(&err)
		list, err := t.list("")
		if err != nil {
			return err
		}
		var found []container.Listed
		for _, name := range names {
			one, err := container.Named(list, name)
			if err != nil {
				return &onError{name, err}
			}
			found = append(found, *one)
		}
		if *asJSON {
			fmt.Println(jsonList(containersJSON(found)))
			return nil
		}
		for i := range found {
			if i > 0 {
				fmt.Println()
			}
			printColumns(os.Stdout, inspectRows(&found[i]))
		}
		return nil
	}
	return c
}

// facts are rows of a table: what is told, and what is so.
type facts [][]string

// add adds a row, unless there is nothing to tell.
//
//go:noinline
func (f *facts) add(key, value string) {
	if value != "" {
		*f = append(*f, []string{key, value})
	}
}

// inspectRows are all that there is to tell of a container.
func inspectRows(c *container.Listed) [][]string {
	var rows facts
	rows.add("name", c.Name)
	rows.add("hostname", c.Hostname)
	rows.add("state", string(c.State))
	if c.Pool != 0 {
		rows.add("pool", fmt.Sprintf("process %d holds it ready", c.Pool))
	}
	var pids []string
	for _, pid := range c.PIDs {
		pids = append(pids, strconv.Itoa(pid))
	}
	rows.add("processes", strings.Join(pids, " "))
	if c.NetNS != 0 {
		rows.add("namespace", fmt.Sprintf("net:[%d]", c.NetNS))
	}
	rows.add("network", c.Network)
	rows.add("link", fmt.Sprintf("%s (%d), the container's end is %s", c.HostLink, c.HostIndex, c.Interface))
	if c.Addr.IsValid() {
		rows.add("address", fmt.Sprintf("%s via %s", c.Addr, c.Gateway))
	}
	if c.Addr6.IsValid() {
		rows.add("address", fmt.Sprintf("%s via %s", c.Addr6, c.Gateway6))
	}
	rows.add("mtu", fmt.Sprint(c.MTU))
	var options []string
	for _, o := range []struct {
		on   bool
		name string
	}{{c.Internal, "internal"}, {c.Isolate, "isolate"}, {c.NoHost, "no-host"}} {
		if o.on {
			options = append(options, o.name)
		}
	}
	rows.add("options", strings.Join(options, " "))
	for _, limit := range []struct {
		way  string
		rate container.Rate
	}{{"rate in", c.RateIn}, {"rate out", c.RateOut}} {
		if limit.rate != 0 {
			rows.add(limit.way, limit.rate.String())
		}
	}
	for i := range c.Publish {
		rows.add("publishes", c.Publish[i].String())
	}
	rows.add("age", ageText(c.Age))
	rows.add("received", fmt.Sprintf("%s, %d packets", bytesText(c.RxBytes), c.RxPackets))
	rows.add("sent", fmt.Sprintf("%s, %d packets", bytesText(c.TxBytes), c.TxPackets))
	return rows
}
