package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// What plumb pool ls --json prints.
type poolListed struct {
	Size, Holder int
	Ready        []map[string]any
}

func (s *site) pool() (p poolListed) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.succeeds("pool", "ls", "--json")), &p); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// A pool from its beginning to its end: nobody waits for the holder, runs take from it and fill it again, and what is listed is what there is.
func TestPoolCommand(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if r := s.run("run", "--pool", "--", "true"); r.status != 0 || !strings.Contains(r.stderr, "the host has no pool: plumb pool fill N makes one") {
		t.Errorf("without a pool: status %d\n%s", r.status, r.stderr)
	}
	if out := s.succeeds("pool", "fill", "2"); out != "2 made, 0 removed, 2 are to be ready\n" {
		t.Error(out)
	}
	defer s.run("pool", "drain")
	before := s.pool()
	if before.Size != 2 || before.Holder == 0 || len(before.Ready) != 2 || before.Ready[0]["state"] != "ready" {
		t.Errorf("filled: %+v", before)
	}
	ready := 0
	for _, c := range s.listed() { // beside which the first run's links may be about to go
		if c["state"] == "ready" {
			ready++
		}
	}
	if out := s.succeeds("ls"); ready != 2 || strings.Count(out, " (ready)") != 2 {
		t.Errorf("listed: %d ready\n%s", ready, out)
	}
	taken := strings.Fields(s.succeeds("run", "--pool", "--name", "web", "--dns", "192.0.2.53", "--", "sh", "-c", "hostname; cat /proc/net/if_inet6; cat /etc/hosts"))
	if len(taken) == 0 || taken[0] != "web" {
		t.Errorf("the container says %q", taken)
	}
	after := s.pool()
	if len(after.Ready) != 2 {
		t.Errorf("filled again: %+v", after)
	}
	old := map[any]bool{before.Ready[0]["name"]: true, before.Ready[1]["name"]: true}
	if old[after.Ready[0]["name"]] && old[after.Ready[1]["name"]] {
		t.Errorf("none was taken: %+v", after)
	}
	if r := s.run("run", "--pool", "--ip", "10.0.0.77", "--", "true"); r.status != exitPlumb || !strings.Contains(r.stderr, "has an address already") {
		t.Errorf("an address of its own: status %d\n%s", r.status, r.stderr)
	}
	if out := s.succeeds("inspect", after.Ready[0]["name"].(string)); !strings.Contains(out, "holds it ready") {
		t.Error(out)
	}
	if out := s.succeeds("pool", "fill", "1"); out != "0 made, 1 removed, 1 are to be ready\n" {
		t.Error(out)
	}
	if out := s.succeeds("pool", "fill", "0", "--json"); out != "{\"made\": 0, \"removed\": 1}\n" {
		t.Error(out)
	}
	if p := s.pool(); p.Size != 0 || len(p.Ready) != 0 {
		t.Errorf("emptied: %+v", p)
	}
	for args, want := range map[string]string{
		"pool": "say what to do", "pool fill": "say how many", "pool fill x": "is not how many", "pool fill 1 2": "is not expected", "pool empty": "is not expected",
		"pool ls x": "is not expected", "pool drain --mtu 1400": "--mtu says nothing to plumb pool drain", "pool drain --network front": "--network says nothing",
		"pool ls -p 80": "-p says nothing to plumb pool ls",
	} {
		if r := s.run(strings.Fields(args)...); r.status != exitUsage || !strings.Contains(r.stderr, want) {
			t.Errorf("plumb %s: status %d\n%s", args, r.status, r.stderr)
		}
	}
}

// A run whose network is from the pool is a container like others: found by its names, with its published ports its own.
func TestPoolRun(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.succeeds("pool", "fill", "2")
	defer s.run("pool", "drain")
	s.running("--pool", "--name", "db", "--hostname", "data", "-p", "8007:7")
	for _, name := range []string{"db", "data"} {
		if out := s.succeeds("run", "--pool", "--name", "web", "--", s.plumb, "ping", "-c", "1", name); !strings.Contains(out, "1 received, 0% packet loss") {
			t.Errorf("%s is not found: %s", name, out)
		}
	}
	r := s.run("run", "--pool", "--", "true")
	if r.status != 0 || r.stderr != "" {
		t.Errorf("without a name: status %d\n%s", r.status, r.stderr)
	}
	r = s.run("run", "--pool", "--name", "other", "-p", "8007:7", "--", "true")
	if r.status != exitPlumb || !strings.Contains(r.stderr, "port 8007/tcp is published already by db") {
		t.Errorf("a port that is taken: status %d\n%s", r.status, r.stderr)
	}
	r = s.run("run", "--pool", "--name", "db", "--", "true")
	if r.status != exitPlumb || !strings.Contains(r.stderr, "a container db is attached already") {
		t.Errorf("a name that is taken: status %d\n%s", r.status, r.stderr)
	}
	if p := s.pool(); len(p.Ready) != 2 { // what was refused went back
		t.Errorf("ready are %+v", p)
	}
}
