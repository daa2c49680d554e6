package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"plumb/container"
)

func execCommand() command {
	c := command{
		name: "exec", args: "[options] NAME [--] [CMD [ARG...]]",
		summary:     "run a command inside a running container, or attached namespace (default: /bin/sh)",
		usageStatus: exitPlumb,
	}
	c.run = func(args []string) error {
		var t tracing
		e := container.ExecSpec{
			Args: []string{"/bin/sh"}, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Log: os.Stderr,
		}
		f := newFlags(c)
		registerExec(f, &e)
		t.registerTrace(f)
		rest, err := f.parse(args)
		if err != nil {
			return err
		}
		if len(rest) == 0 {
			return usagef("give the NAME of a container")
		}
		name := rest[0]
		if rest = rest[1:]; !f.ended { // options may stand behind the name, too
			if rest, err = f.parse(rest); err != nil {
				return err
			}
		}
		if len(rest) > 0 {
			e.Args = rest
		}
		return execIn(name, e, &t)
	}
	return c
}

func registerExec(f *flags, e *container.ExecSpec) {
	f.Func("env", "`NAME=VALUE` for its environment, repeatable (default: what the container was started with)", func(s string) error {
		if strings.IndexByte(s, '=') < 1 {
			return errors.New("NAME=VALUE is needed")
		}
		e.Env = append(e.Env, s)
		return nil
	})
	f.StringVar(&e.Dir, "workdir", "", "`DIR` inside to run it in (default: /)")
	f.Func("user", "`UID[:GID]` to run it as, in numbers (default: plumb's own; root in a user namespace of the container's)", func(s string) error {
		user, err := container.ParseUser(s)
		e.User = &user
		return explainParse(err, "numbers such as 1000 or 1000:100 are needed")
	})
}

// execIn runs the command in the container called name, and returns its exit status in an exitError.
func execIn(name string, e container.ExecSpec, t *tracing) (err error) {
	defer t.closeTrace(&err)
	inode, err := findContainer(name, t)
	if err == nil {
		err = findProcess(&e, inode)
	}
	if err != nil {
		return &exitError{exitPlumb, &onError{name, err}}
	}
	if value := os.Getenv("TERM"); value != "" && isTerminal(os.Stdin) {
		e.Env = append([]string{"TERM=" + value}, e.Env...) // it is our terminal
	}
	status, err := container.Exec(context.Background(), e)
	var start *container.StartError
	switch {
	case errors.As(err, &start):
		return &exitError{start.Status(), &onError{name, err}}
	case err != nil:
		return &exitError{exitPlumb, &onError{name, err}}
	case status != 0:
		return &exitError{status, nil}
	}
	return nil
}

// findProcess finds the main process of a network namespace.
func findProcess(e *container.ExecSpec, inode uint64) error {
	all, err := container.Processes()
	if err != nil {
		return err
	}
	list := all[inode]
	if len(list) == 0 {
		return fmt.Errorf("no process is in its network namespace, net:[%d], or none that may be looked at: %w", inode, unix.ESRCH)
	}
	e.PID, e.Inode = list[0].PID, inode
	return nil
}

// findContainer returns the inode of the network namespace of the container called name.
func findContainer(name string, t *tracing) (nsInode uint64, err error) {
	host, err := t.openHost()
	if err != nil {
		return 0, err
	}
	defer host.Close()
	c, err := host.Container(name)
	if err != nil {
		return 0, err
	}
	if c.NetNS == 0 {
		return 0, fmt.Errorf("its link does not say in which namespace it is: plumb run or attach makes one that does")
	}
	return c.NetNS, nil
}
