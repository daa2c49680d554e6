package verdict_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"plumb/nat/verdict"
	"plumb/test/lab"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Under each of other people's firewalls: what is said to be dropped is dropped, and what is said to mend it does. Rules of programs that
// are not run here are mended as those programs would.
func TestMends(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		files []string
		// dropped are the real packets that do not come through before it is mended: names of trials begin so.
		dropped []string
		as      map[string]string // what a program that is not run here does
	}{
		{"docker", []string{"docker.v4", "docker.v6"}, []string{"out", "published"}, nil},
		{"ufw", []string{"ufw.v4", "ufw.v6"}, []string{"out", "published", "gateway"}, map[string]string{
			"ufw route allow in on pl-+":          "iptables -A ufw-user-forward -i pl-+ -j ACCEPT && ip6tables -A ufw6-user-forward -i pl-+ -j ACCEPT",
			"ufw route allow out on pl-+":         "iptables -A ufw-user-forward -o pl-+ -j ACCEPT && ip6tables -A ufw6-user-forward -o pl-+ -j ACCEPT",
			"ufw allow in on pl-+ to any port 53": "for p in tcp udp; do iptables -A ufw-user-input -i pl-+ -p $p --dport 53 -j ACCEPT && ip6tables -A ufw6-user-input -i pl-+ -p $p --dport 53 -j ACCEPT; done",
		}},
		{"firewalld", []string{"firewalld.nft"}, []string{"out", "gateway"}, map[string]string{
			"firewall-cmd --zone=trusted --add-interface=pl-+": `nft 'insert rule inet firewalld filter_INPUT_ZONES iifname "pl-*" goto filter_IN_trusted;
				insert rule inet firewalld filter_FORWARD_ZONES iifname "pl-*" goto filter_FWD_trusted'`,
			"firewall-cmd --permanent --zone=trusted --add-interface=pl-+": "true",
		}},
		{"server", []string{"server.nft"}, []string{"out", "published", "gateway", "host"}, nil},
		{"two", []string{"two.nft"}, []string{"out udp " + echo4, "out tcp", "published", "gateway udp"}, nil},
		{"docker and ufw", []string{"docker.v4", "ufw-after-docker.v4"}, []string{"out tcp " + echo4, "out udp " + echo4, "published tcp 203", "gateway udp"}, map[string]string{
			"ufw allow in on pl-+ to any port 53": "for p in tcp udp; do iptables -A ufw-user-input -i pl-+ -p $p --dport 53 -j ACCEPT; done",
		}},
		{"harmless", []string{"harmless.nft"}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.load(c.files...)
			problems, err := verdict.Explain(p.nat, p.container())
			must(t, err)
			golden(t, strings.ReplaceAll(c.name, " ", "-")+".txt", describe(problems))
			warning, err := verdict.Warn(p.nat, p.container())
			must(t, err)
			if (warning != "") != (len(c.dropped) > 0) || strings.Contains(warning, "\n") {
				t.Errorf("the warning is %q", warning)
			}
			p.tryAll(c.dropped)
			for _, problem := range problems {
				for _, command := range problem.Commands {
					if as, given := c.as[command]; given {
						command = as
					}
					p.sh(command)
				}
			}
			problems, err = verdict.Explain(p.nat, p.container())
			must(t, err)
			for _, problem := range problems {
				if problem.Certain {
					t.Errorf("after the mend: %s", &problem)
				}
			}
			p.tryAll(nil)
		})
	}
}

// tryAll sends real packets: those that are dropped do not come through, all others do.
func (p *place) tryAll(dropped []string) {
	p.t.Helper()
	for _, trial := range p.trials() {
		isDropped := slices.ContainsFunc(dropped, func(s string) bool { return strings.HasPrefix(trial.name, s) })
		wait := waitTime
		if isDropped {
			wait = dropTime
		}
		if err := trial.try(wait); (err != nil) != isDropped {
			p.t.Errorf("%s: %v; should be dropped: %v", trial.name, err, isDropped)
		}
	}
}

// describe is all that is said.
func describe(problems []verdict.Problem) string {
	var b strings.Builder
	for i := range problems {
		p := &problems[i]
		b.WriteString(p.String() + "\n")
		for _, d := range p.Drops {
			certain := "may be dropped"
			if d.Certain {
				certain = "dropped"
			}
			b.WriteString("    " + certain + " in " + d.Hook.String() + ", chain " + d.Chain + ", by " + d.Rule + ": " + d.Packet.What + "\n")
		}
		for _, c := range p.Commands {
			b.WriteString("  " + c + "\n")
		}
		if p.Note != "" {
			b.WriteString("  (" + p.Note + ")\n")
		}
	}
	return b.String()
}

// golden compares got with a file of testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		must(t, os.WriteFile(path, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(want, []byte(got)) {
		t.Errorf("%s has changed (go test -update writes it anew):\n--- want\n%s\n--- got\n%s", path, want, got)
	}
}

// A table that a running program owns cannot be changed by anybody else, and no command is printed that would fail.
func TestOwnedTable(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	owner := p.open()
	must(t, owner.Batch(ownedTable()...))
	problems, err := verdict.Explain(p.nat, p.container())
	must(t, err)
	if len(problems) != 1 || len(problems[0].Commands) > 0 || !strings.Contains(problems[0].Note, "program that runs") {
		t.Errorf("got %s", describe(problems))
	}
}

// The old iptables is told of where it has tables.
func TestLegacy(t *testing.T) {
	t.Parallel()
	lab.NeedTool(t, "iptables-legacy")
	p := newPlace(t)
	look := func() (four, six []string) {
		lab.MustDo(t, p.host, func() error { four, six = verdict.Legacy(); return nil })
		return four, six
	}
	if four, six := look(); len(four)+len(six) > 0 {
		t.Errorf("before: %q, %q", four, six)
	}
	lock := "XTABLES_LOCKFILE=" + filepath.Join(t.TempDir(), "lock") // a normal user may not take the usual one
	p.sh(lock + " iptables-legacy -P FORWARD DROP")
	if four, six := look(); !slices.Equal(four, []string{"filter"}) || len(six) > 0 {
		t.Errorf("got %q, %q", four, six)
	}
	p.sh(lock + " iptables-legacy -P FORWARD ACCEPT")
}
