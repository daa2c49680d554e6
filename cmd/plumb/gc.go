package main

import (
	"fmt"

	"plumb/container"
)

func gcCommand() command {
	c := command{name: "gc", args: "[options]", summary: "remove what killed processes have left; with --repair, put back what somebody has flushed"}
	c.run = func(args []string) (err error) {
		var t tracing
		f := newFlags(c)
		asJSON := f.Bool("json", false, "print JSON")
		repair := f.Bool("repair", false, "put back what table inet plumb should hold of the containers that stand")
		t.registerTrace(f)
		rest, err := f.parseAnywhere(args)
		if err != nil {
			return err
		}
		if len(rest) > 0 {
			return usagef("%q is not expected: gc looks at all that there is", rest[0])
		}
		defer t.closeTrace(&err)
		host, err := t.openHost()
		if err != nil {
			return err
		}
		defer host.Close()
		done, err := host.GC(*repair)
		if *asJSON {
			fmt.Println(jsonObject("repaired", jsonStrings(done.Repaired), "leases", jsonStrings(done.Leases), "links", jsonStrings(done.Links)))
		} else {
			printSwept(done)
		}
		return err
	}
	return c
}

func printSwept(done container.Swept) {
	for _, name := range done.Repaired {
		fmt.Println("repaired", name)
	}
	for _, lease := range done.Leases {
		fmt.Println("gave back", lease)
	}
	for _, link := range done.Links {
		fmt.Println("removed", link)
	}
}
