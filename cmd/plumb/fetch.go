package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"plumb/cmd/plumb/internal/lookup"
	"plumb/container/lab"
)

func fetchCommand() command {
	c := command{name: "fetch", args: "[--timeout SECONDS] URL", summary: "print what an HTTP server answers (plain HTTP/1.1)"}
	c.run = func(args []string) error {
		f := newFlags(c)
		timeout := f.Seconds("timeout", 30*time.Second, "`SECONDS` for all of it")
		words, err := f.parseAnywhere(args)
		if err != nil {
			return err
		}
		if len(words) != 1 {
			return usagef("takes one URL, was given %d", len(words))
		}
		if *timeout <= 0 || *timeout > 24*time.Hour {
			return usagef("--timeout takes more than 0 and up to 86400 seconds")
		}
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		ctx, cancel := context.WithTimeoutCause(ctx, *timeout, fmt.Errorf("no answer within %v", *timeout))
		defer cancel()
		answer, err := lab.Get(ctx, dialName, words[0], os.Stdout)
		if err == nil && answer.Status/100 != 2 {
			err = fmt.Errorf("%s: the server says %d %q", words[0], answer.Status, answer.Reason)
			if answer.Location != "" {
				err = fmt.Errorf("%w: it is at %q", err, answer.Location)
			}
		}
		return err
	}
	return c
}

// dialName resolves a host by plumb's own resolver, and dials its addresses in turn.
func dialName(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	r, err := lookup.System()
	if err != nil {
		return nil, err
	}
	addrs, err := r.LookupAddrs(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		var conn net.Conn
		if conn, err = lookup.Dial(ctx, network, net.JoinHostPort(a.String(), port)); err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		err = fmt.Errorf("connect to %s: %w", net.JoinHostPort(a.String(), port), err)
	}
	return nil, err
}
