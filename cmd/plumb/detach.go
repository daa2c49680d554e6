package main

import (
	"fmt"
	"os"
)

func detachCommand() command {
	c := command{
		name: "detach", args: "NAME... [options]",
		summary: "take a container's network away; content if it is gone already",
	}
	c.run = func(args []string) error {
		var n networkFlags
		f := newFlags(c)
		n.registerTrace(f)
		names, err := f.parseAnywhere(args)
		if err != nil {
			return err
		}
		if len(names) == 0 {
			return usagef("give the NAME that was attached")
		}
		host, err := n.openHost()
		if err != nil {
			return err
		}
		defer host.Close()
		for _, name := range names {
			found, err := host.Detach(name)
			if err != nil {
				return &onError{name, err}
			}
			if !found {
				fmt.Fprintf(os.Stderr, "plumb: note: nothing named %s is attached\n", name)
			}
		}
		return nil
	}
	return c
}
