package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	clab "plumb/container/lab"
	"plumb/rtnl"
	"plumb/test/lab"
)

// waitTime bounds every wait for what should come.
const waitTime = 30 * time.Second

// plumb run is killed with SIGKILL at any moment of its life. Its container dies with it; and the next run, at once, of the same name
// and with the same address, succeeds, whatever the last one left.
func TestKilledRuns(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	mounts := lab.Mounts(t)
	s := newSite(t)
	life := s.measureRun()
	reached := 0
	for i := range rounds {
		args := []string{"run", "--ip", "10.0.0.7", "--dns", "8.8.8.8"}
		if i%2 == 0 {
			args = append(args, "--name", "web")
		}
		after := rand.N(life)
		if i%4 == 3 { // of a machine under load the life is longer than it was: some kills come early all the same
			after /= 16
		}
		if s.killed(after, append(args, "--", "sh", "-c", "echo running; sleep 1000")...) {
			reached++
		}
		if i%2 == 1 {
			s.waitGone() // of another name: its link is to be gone, which the kernel does by itself
		}
		if r := s.run(append(args, "--", "true")...); r.status != 0 || r.stderr != "" {
			t.Fatalf("the run after kill %d: status %d\n%s", i, r.status, r.stderr)
		}
	}
	t.Logf("killed %d of %d times while the command ran, else before", reached, rounds)
	if !testing.Short() && (reached == 0 || reached == rounds) {
		t.Errorf("the moments were not all of a run's life of %s", life)
	}
	if after := lab.Mounts(t); after != mounts {
		t.Errorf("mounts before\n%s after\n%s", mounts, after)
	}
}

// measureRun is how long a run takes, and half as long again, so that kills come while the command runs as well. The first
// run of a machine, which reads what it needs from disk, says nothing of the others.
func (s *site) measureRun() time.Duration {
	s.t.Helper()
	var took time.Duration
	for range 3 {
		start := time.Now()
		s.succeeds("run", "--dns", "8.8.8.8", "--", "true")
		took = time.Since(start)
	}
	return took + took/2
}

// killed runs plumb, kills it after a time, and waits until all of its container's processes have ended. It reports whether the
// command ran.
func (s *site) killed(after time.Duration, args ...string) (ran bool) {
	s.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command(s.plumb, args...)
	cmd.Stdout, cmd.Stderr = w, w
	err = s.host.Do(cmd.Start)
	w.Close()
	if err != nil {
		s.t.Fatal(err)
	}
	<-time.After(after) // the moment is the test's point
	cmd.Process.Kill()
	cmd.Wait()
	// Every process of the container holds the pipe, so its end is theirs.
	r.SetReadDeadline(time.Now().Add(waitTime))
	var out bytes.Buffer
	if _, err := io.Copy(&out, r); err != nil {
		s.t.Fatalf("some process of the container lives on: %v (it wrote %q)", err, out.String())
	}
	return strings.Contains(out.String(), "running\n")
}

var errEvent = errors.New("an event")

// waitGone waits until the host has no link but its own two.
func (s *site) waitGone() {
	s.t.Helper()
	events, err := clab.Open(s.host, rtnl.Dial)
	if err != nil {
		s.t.Fatal(err)
	}
	defer events.Close()
	if err := events.Subscribe(rtnl.GroupLink); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), waitTime)
	defer cancel()
	for {
		links, err := s.host.Rtnl().Links()
		if err != nil {
			s.t.Fatal(err)
		}
		if len(links) == 2 {
			return
		}
		if err := events.Events(ctx, func(rtnl.Event) error { return errEvent }); !errors.Is(err, errEvent) {
			s.t.Fatalf("%d links are left: %v", len(links), err)
		}
	}
}
