package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"plumb/container/lab"
)

func labCommand() command {
	c := command{
		name: "lab", args: "[-- CMD [ARG...]]",
		summary:     "open a shell, or run a command, in a sealed host with an internet, for experiments; touches nothing else",
		usageStatus: exitPlumb,
	}
	c.run = func(args []string) error {
		f := newFlags(c)
		words, err := f.parse(args)
		if err != nil {
			return err
		}
		if !capable() {
			return inUserNamespace()
		}
		return runLab(words)
	}
	return c
}

// runLab builds the lab, runs the command in its host, and takes all down again.
func runLab(words []string) error {
	ctx := context.Background()
	l, err := lab.New(ctx, lab.Options{})
	if err != nil {
		return &exitError{exitPlumb, err}
	}
	host, err := l.AddHost(ctx, "host", lab.HostOptions{})
	if err != nil {
		return &exitError{exitPlumb, errors.Join(err, l.Close())}
	}
	if len(words) == 0 {
		words = []string{shell()}
		fmt.Fprint(os.Stderr, labWelcome)
	}
	status, err := runInside(host, words)
	err = errors.Join(err, l.Close())
	switch {
	case err != nil && status == 0:
		return &exitError{exitPlumb, err}
	case status != 0:
		return &exitError{status, err}
	}
	return nil
}

const labWelcome = `This is plumb's lab: a host in a network namespace of its own, with an uplink to an internet that is made up for it.
Nothing here reaches your network, and all of it is gone when you leave (exit).

  uplink0   203.0.113.2, the way to the internet     8.8.8.8   answers pings, knows google.com, serves HTTP

Try: plumb ping -c 2 google.com · plumb run -- sh · plumb ls
     plumb send 'RTM_GETLINK NLM_F_REQUEST|DUMP'     asks the kernel for all links, and shows every byte
     plumb help send                                 tells how to write messages by hand

`

// shell is the user's.
func shell() string {
	if s := os.Getenv("SHELL"); s != "" {
		return s
	}
	return "/bin/sh"
}

// labEnv is the environment of what runs in the lab: plumb is found, and the prompt says where one is.
func labEnv(host *lab.Host) ([]string, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program's file: %w", err)
	}
	path := os.Getenv("PATH")
	called := exe
	if strings.Contains(os.Args[0], "/") { // by the name that it was called by, which may be a symlink's
		if called, err = filepath.Abs(os.Args[0]); err != nil {
			return nil, err
		}
	}
	if filepath.Base(called) == "plumb" {
		path = strings.TrimSuffix(filepath.Dir(called)+":"+path, ":")
	}
	var env []string
	for _, v := range os.Environ() {
		switch name, _, _ := strings.Cut(v, "="); name {
		case "PATH", "PS1", "PROMPT_COMMAND", "PLUMB", labVariable:
		default:
			env = append(env, v)
		}
	}
	// bash asks PROMPT_COMMAND before each prompt, and has one of its own that PS1 here would not change; other shells take PS1.
	const prompt = "(plumb lab) "
	return append(env, "PATH="+path, "PLUMB="+called, labVariable+"="+host.NS().String(), "PS1="+prompt+"# ",
		`PROMPT_COMMAND=case $PS1 in *"`+prompt+`"*) ;; *) PS1="`+prompt+`$PS1" ;; esac`), nil
}
