package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"plumb/test/lab"
)

// A doctorReport is what plumb doctor --json prints.
type doctorReport struct {
	Status string
	Checks []struct {
		Group, Name, Status, Detail string
		Mend                        []string
	}
}

func (s *site) doctor() (doctorReport, int) {
	s.t.Helper()
	r := s.run("doctor", "--json")
	var report doctorReport
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || r.stderr != "" {
		s.t.Fatalf("plumb doctor --json: %v\n%s%s", err, r.stdout, r.stderr)
	}
	return report, r.status
}

// A problem is exit status 1, and its commands make it 0 again.
func TestDoctor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if report, status := s.doctor(); status != 0 || report.Status == "problem" {
		t.Errorf("a healthy host: status %d: %+v", status, report)
	}
	defer lab.Run(t, s.host, "nft", "flush", "ruleset")
	lab.Run(t, s.host, "nft", "add table inet f; add chain inet f forward { type filter hook forward priority 0; policy drop; }")
	report, status := s.doctor()
	if status != 1 || report.Status != "problem" {
		t.Errorf("with a policy that drops: status %d, %s", status, report.Status)
	}
	text := s.run("doctor")
	if text.status != 1 || !strings.Contains(text.stdout, "problem  nftables, chain forward of table inet f: policy drop") || !strings.Contains(text.stdout, "→ nft insert rule inet f forward iifgroup 28780 accept\n") {
		t.Errorf("status %d\n%s%s", text.status, text.stdout, text.stderr)
	}
	for _, c := range report.Checks {
		if c.Status == "problem" {
			for _, command := range c.Mend {
				lab.Run(t, s.host, "sh", "-c", command)
			}
		}
	}
	if report, status := s.doctor(); status != 0 {
		t.Errorf("mended: status %d: %+v", status, report)
	}
}

// Without privileges it says what it could not see, and why.
func TestDoctorUnprivileged(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 || insideUserNamespace(t) {
		t.Skip("only root can become another user")
	}
	s := newSite(t)
	cmd := exec.Command("/proc/self/exe", "doctor", "--json")
	cmd.Args[0] = "plumb"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := s.host.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("%v\n%s", err, &out)
	}
	for _, word := range []string{`"CAP_NET_ADMIN", "status": "problem"`, `"network namespaces", "status": "unknown"`, `"default route (IPv4)", "status": "ok"`} {
		if !strings.Contains(out.String(), word) {
			t.Errorf("it does not say %s:\n%s", word, &out)
		}
	}
}

func insideUserNamespace(t *testing.T) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(string(text))
	return len(f) != 3 || f[2] != "4294967295"
}
