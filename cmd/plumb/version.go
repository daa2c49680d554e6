package main

import (
	"fmt"
	"runtime"
)

// release is what this binary was built from. Who builds one to be given to others sets it:
//
//	go build -ldflags "-s -w -X main.release=$(git describe --tags --always --dirty)" ./cmd/plumb
//
// (runtime/debug.ReadBuildInfo would know it without being told, and weighs 20 KB.)
var release = "(devel)"

func versionCommand() command {
	c := command{name: "version", summary: "print the version of plumb, and of the Go that built it"}
	c.run = func(args []string) error {
		f := newFlags(c)
		rest, err := f.parse(args)
		if err != nil {
			return err
		}
		if len(rest) > 0 {
			return usagef("takes no argument, was given %q", rest[0])
		}
		_, err = fmt.Println("plumb", release, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
		return err
	}
	return c
}
