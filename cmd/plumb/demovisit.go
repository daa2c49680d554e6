package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"plumb/cmd/plumb/internal/ping"
	"plumb/container/lab"
)

// demoInside is the argument by which plumb demo runs itself in its container.
const demoInside = "inside"

// visit looks around from inside the container: at the host, at the internet, at a name, and at how the internet sees it. Where the
// kernel has no IPv6, its sights are left out.
func visit() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	failed := false
	for _, sight := range []struct {
		command, target string
		look            func(ctx context.Context, target string) error
		ipv6            bool
	}{
		{"ping -c 2 -i 0.1", "10.0.0.1", pingOnce, false},
		{"ping -c 2 -i 0.1", lab.NameServer4, pingOnce, false},
		{"ping -c 2 -i 0.1", lab.NameServer6, pingOnce, true},
		{"ping -c 2 -i 0.1", "google.com", pingOnce, false},
		{"fetch", "http://google.com/", fetchOnce, false},
		{"fetch", "http://[" + lab.NameServer6 + "]/", fetchOnce, true},
	} {
		if sight.ipv6 && !lab.HasIPv6() {
			continue
		}
		fmt.Printf("\n%s$ plumb %s %s\n", demoName, sight.command, sight.target)
		if err := sight.look(ctx, sight.target); err != nil {
			fmt.Fprintf(os.Stderr, "plumb: demo: %v\n", err)
			failed = true
		}
	}
	if failed {
		return &exitError{status: exitFailed}
	}
	return nil
}

func pingOnce(ctx context.Context, target string) error {
	o := ping.Defaults(target)
	o.Count, o.Interval = 2, 100*time.Millisecond
	stats, err := ping.Run(ctx, o, os.Stdout)
	if err == nil && stats.Received == 0 {
		err = fmt.Errorf("%s does not answer", target)
	}
	return err
}

func fetchOnce(ctx context.Context, target string) error {
	var body strings.Builder
	answer, err := lab.Get(ctx, dialName, target, &body)
	fmt.Print(body.String())
	if err == nil && answer.Status != 200 {
		err = fmt.Errorf("%s: the server says %d %s", target, answer.Status, answer.Reason)
	}
	return err
}
