package main

import (
	"fmt"
	"runtime/debug"
)

func versionCommand() command {
	c := command{name: "version", summary: "print the version of plumb, of Go and of the commit it was built from"}
	c.run = func(args []string) error {
		f := newFlags(c)
		rest, err := f.parse(args)
		if err != nil {
			return err
		}
		if len(rest) > 0 {
			return usagef("takes no argument, was given %q", rest[0])
		}
		fmt.Println(version())
		return nil
	}
	return c
}

// version says what this binary is, from what the Go tool wrote into it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "plumb (built without module support)"
	}
	s := "plumb " + info.Main.Version + " " + info.GoVersion
	for _, set := range info.Settings {
		if set.Key == "vcs.revision" {
			s += " " + set.Value
		}
	}
	return s
}
