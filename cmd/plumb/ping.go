package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"plumb/cmd/plumb/internal/ping"
)

// The exit statuses of ping(8).
const (
	pingNoReply = 1
	pingFailed  = 2
)

func pingCommand() command {
	c := command{name: "ping", args: "[-c N] [-i SECONDS] [-w SECONDS] [-4|-6] HOST", summary: "ask a host for echoes (ICMP), without privileges"}
	c.run = func(args []string) error {
		f := newFlags(c)
		o := ping.Defaults("")
		f.IntVar(&o.Count, "c", 0, "stop after `N` requests")
		f.SecondsVar(&o.Interval, "i", o.Interval, "`SECONDS` between two requests, 0.002 at least")
		f.SecondsVar(&o.Wait, "W", o.Wait, "`SECONDS` to wait for a first reply after the last request, 0 for ever")
		f.SecondsVar(&o.Deadline, "w", 0, "`SECONDS` for all of it, however many requests that makes")
		f.IntVar(&o.Size, "s", o.Size, "`BYTES` of payload")
		f.IntVar(&o.TTL, "t", 0, "time to live: the `HOPS` that a request may travel")
		f.BoolVar(&o.IPv4, "4", false, "IPv4 only")
		f.BoolVar(&o.IPv6, "6", false, "IPv6 only")
		f.BoolVar(&o.Quiet, "q", false, "print the first line and the summary only")
		f.Bool("n", false, "print numbers only: this ping never asks for the names of addresses")
		f.StringVar(&o.Interface, "I", "", "send by this link, or from this address: `LINK|ADDRESS`")
		words, err := f.parseAnywhere(args)
		if err != nil {
			return err
		}
		if len(words) != 1 {
			return usagef("takes one host, was given %d", len(words))
		}
		o.Host = words[0]
		if err := o.Validate(); err != nil {
			return usagef("%v", err)
		}
		return runPing(o)
	}
	return c
}

func runPing(o ping.Options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	quit := make(chan os.Signal, 1)
	signal.Notify(quit, syscall.SIGQUIT)
	defer signal.Stop(quit)
	o.Report, o.ReportTo = quit, os.Stderr
	stats, err := ping.Run(ctx, o, os.Stdout)
	switch {
	case err != nil:
		return &exitError{pingFailed, err}
	case stats.Received == 0, o.Count > 0 && o.Deadline > 0 && stats.Received < o.Count:
		return &exitError{pingNoReply, nil}
	}
	return nil
}
