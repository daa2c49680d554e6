package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	clab "plumb/container/lab"
)

// plumb plan shows what would be done, in each form, and does nothing.
func TestPlanCommand(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	box := s.NewHostWith("box", clab.HostOptions{NoUplink: true})
	path := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), box.NS().FD())
	attach := []string{"attach", "web", "--netns", path, "-p", "8080:80"}
	plan := func(args ...string) string {
		t.Helper()
		before, err := clab.SnapshotNamespace(s.host.NS())
		if err != nil {
			t.Fatal(err)
		}
		out := s.succeeds(append([]string{"plan"}, args...)...)
		after, err := clab.SnapshotNamespace(s.host.NS())
		if err != nil {
			t.Fatal(err)
		}
		if diff := clab.Diff(before, after); len(diff) > 0 {
			t.Errorf("plan %q has changed the host:\n\t%s", args, strings.Join(diff, "\n\t"))
		}
		return out
	}
	text := plan(attach...)
	for _, want := range []string{
		"host → RTM_NEWLINK NLM_F_REQUEST|ACK|EXCL|CREATE seq=", "$ ip link add pl-web index ", " netns web\n",
		"IFLA_IFNAME \"pl-web\"", "$ nft 'create table inet plumb ", "$ nft 'create element inet plumb publish4 { tcp . 8080 comment \"web\" : 10.0.0.2 . 80 }'",
		"$ sysctl -w net.ipv4.conf.uplink0.forwarding=1\n", "$ ip -n web route add default via 10.0.0.1 dev eth0 proto static\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the plan does not say %q:\n%s", want, text)
		}
	}
	for _, unwanted := range []string{"RTM_GETLINK", "NLMSG_ERROR", "GETGEN", "· setns", "hold the network namespace", "# 0000"} {
		if strings.Contains(text, unwanted) {
			t.Errorf("the plan says %q, which is no change", unwanted)
		}
	}
	if all := plan(append([]string{"--all"}, attach...)...); !strings.Contains(all, "NFT_MSG_GETGEN") || !strings.Contains(all, "NLMSG_ERROR") {
		t.Errorf("with --all the plan does not say what is asked:\n%s", all)
	}
	checkBytes(t, plan(append([]string{"--bytes"}, attach...)...))
	for line := range strings.Lines(plan("run", "--name", "web", "--trace=json", "--", "sleep", "5")) {
		var event struct{ Kind string }
		if err := json.Unmarshal([]byte(line), &event); err != nil || event.Kind == "" {
			t.Fatalf("%v: %s", err, line)
		}
	}
	short := plan("run", "--name", "web", "--trace=short", "--", "sleep", "5")
	if !strings.Contains(short, "execve sleep 5") || !strings.Contains(short, "clone(") {
		t.Errorf("the plan of a run does not say what is run:\n%s", short)
	}
	if r := s.run("plan", "detach", "web"); r.status != exitUsage {
		t.Errorf("plan detach: %+v", r)
	}
	if r := s.run("plan", "run", "--ip", "192.0.2.1"); r.status != exitFailed || !strings.Contains(r.stderr, "192.0.2.1") {
		t.Errorf("plan of what cannot be: %+v", r)
	}
}

// checkBytes wants below each message as many bytes as its head says that it has.
func checkBytes(t *testing.T, text string) {
	t.Helper()
	length, head, messages := 0, "", 0
	var b []byte
	check := func() {
		t.Helper()
		if len(b) != length {
			t.Errorf("%d bytes below %s", len(b), head)
		}
		messages++
	}
	for line := range strings.Lines(text) {
		if _, tail, is := strings.Cut(line, " len="); is && strings.Contains(line, " → ") {
			check()
			b, head = nil, line
			fmt.Sscan(tail, &length)
		} else if at := strings.Index(line, "# 0"); at > 0 {
			row, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(line[at+len("# 0000 "):]), " ", ""))
			if err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			b = append(b, row...)
		}
	}
	check()
	if messages < 80 {
		t.Errorf("only %d messages", messages)
	}
}
