package rtnl_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"plumb/container/netns"
	"plumb/test/lab"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// The command above each golden file does the same as the message: the one is run in a pair of fresh namespaces, the other
// is sent in another pair, and then ip and tc see no difference between them. Of a message that only asks, it is only shown that
// the command can be run. Two are not run: link-get-index, for ip asks by name, and addr-label by an old ip.
func TestCaptions(t *testing.T) {
	t.Parallel()
	lab.NeedTool(t, "ip")
	lab.NeedTool(t, "sysctl")
	lab.NeedTool(t, "tc")
	all := messages()
	byName := make(map[string]message, len(all))
	for _, m := range all {
		byName[m.name] = m
	}
	for _, m := range all {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			if strings.HasPrefix(m.command, "(") {
				t.Skip(m.command) // it says why there is no command
			}
			ours, theirs := newWorld(t), newWorld(t)
			for _, name := range m.before {
				ours.send(t, byName[name])
				theirs.send(t, byName[name])
			}
			before := theirs.objects(t)
			ours.send(t, m)
			if out, err := theirs.execute(t, m); err != nil {
				if why := notExecutable(m.name, out); why != "" {
					t.Skip(why)
				}
				t.Fatalf("%s: %v\n%s", m.command, err, out)
			}
			after := theirs.objects(t)
			if diff := cmp.Diff(after, ours.objects(t)); diff != "" {
				t.Errorf("-what there is after %s\n+after the message:\n%s", m.command, diff)
			}
			if asks := m.seen == nil && m.ip == ""; asks != cmp.Equal(before, after) {
				t.Errorf("%s: does it only ask? %v. Did it change anything? %v", m.command, asks, !asks)
			}
		})
	}
}

// notExecutable says why a command cannot be run, of those that not every ip can run; out is what it said.
func notExecutable(name, out string) string {
	if name == "addr-label" && strings.Contains(out, `"proto" is a garbage`) {
		return "ip has the word proto for an address since iproute2 6.2"
	}
	return ""
}

// execute runs a message's command in the namespace in which the message would be sent. Descriptor 9 is the other one.
func (w *world) execute(t *testing.T, m message) (string, error) {
	t.Helper()
	ns := w.host
	if m.inside {
		ns = w.inside
	}
	fd, err := unix.FcntlInt(uintptr(w.inside.FD()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	inside := os.NewFile(uintptr(fd), "inside")
	defer inside.Close()
	words := strings.Fields(m.command)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.ExtraFiles = []*os.File{9 - 3: inside}
	var out []byte
	err = ns.Do(func() (err error) {
		out, err = cmd.CombinedOutput()
		return err
	})
	return string(out), err
}

// objects are what ip and tc show of both namespaces, without what comes in its own time, after a carrier or a timer.
func (w *world) objects(t *testing.T) map[string]any {
	t.Helper()
	all := make(map[string]any)
	for name, ns := range map[string]*netns.NS{"host": w.host, "inside": w.inside} {
		for _, what := range []string{
			"-d link", "-4 addr", "-6 addr", "-d -4 route show table all", "-d -6 route show table all", "neigh",
			"-d -4 rule", "-d -6 rule", "-4 netconf",
		} {
			all[name+": ip "+what] = settled(showJSON(t, ns, "ip", "-N -j "+what))
		}
		all[name+": tc qdisc"] = showJSON(t, ns, "tc", "-j qdisc show")
	}
	return all
}

func showJSON(t *testing.T, ns *netns.NS, program, what string) any {
	t.Helper()
	var out []byte
	err := ns.Do(func() (err error) {
		out, err = exec.Command(program, strings.Fields(what)...).Output()
		return err
	})
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	if err != nil {
		t.Fatalf("%s %s: %v", program, what, err)
	}
	var v any
	if len(out) == 0 { // some lists are nothing at all if they are empty
		return v
	}
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatalf("%s %s: %v: %s", program, what, err, out)
	}
	return v
}

// settled takes out what does not depend on a message alone.
func settled(v any) any {
	switch v := v.(type) {
	case []any:
		kept := []any{}
		for _, element := range v {
			if !comesAndGoes(element) {
				element = settled(element)
				if link, _ := element.(map[string]any); link["addr_info"] == nil || len(link["addr_info"].([]any)) > 0 {
					kept = append(kept, element)
				} // else all of its addresses come and go
			}
		}
		return kept
	case map[string]any:
		if kind, _ := v["info_kind"].(string); kind == "bridge" {
			delete(v, "info_data") // timers, and an identifier that is made of a random address
		}
		if v["ifname"] == "br0" {
			delete(v, "address") // random
		}
		for _, key := range []string{"operstate", "tentative", "dadfailed", "info_slave_data"} {
			delete(v, key)
		}
		for key := range v {
			v[key] = settled(v[key])
		}
	}
	return v
}

// comesAndGoes reports whether an element of a list is there only with a carrier: a flag, or what the kernel adds for
// IPv6 by itself.
func comesAndGoes(element any) bool {
	if flag, is := element.(string); is {
		return slices.Contains([]string{"LOWER_UP", "NO-CARRIER", "M-DOWN", "linkdown"}, flag)
	}
	object, _ := element.(map[string]any)
	local, _ := object["local"].(string)
	dst, _ := object["dst"].(string)
	ownIPv6 := strings.Contains(dst, ":") && object["protocol"] == "2" // RTPROT_KERNEL
	return strings.HasPrefix(local, "fe80:") || strings.HasPrefix(dst, "fe80:") || strings.HasPrefix(dst, "ff00:") || ownIPv6 ||
		object["type"] == "multicast" || object["type"] == "anycast"
}
