package doctor

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// privileges tells what this process may do. Whether that is enough for the host's network is seen when it is opened.
func (d *doctor) privileges() {
	d.group = "privileges"
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		d.unseen("capabilities", err)
		return
	}
	fields := statusFields(string(status))
	effective, err := strconv.ParseUint(fields["CapEff"], 16, 64)
	if err != nil {
		d.unseen("capabilities", err)
		return
	}
	inside := inUserNamespace()
	for _, c := range []struct {
		name string
		bit  uint
	}{{"CAP_NET_ADMIN", unix.CAP_NET_ADMIN}, {"CAP_SYS_ADMIN", unix.CAP_SYS_ADMIN}} {
		if effective>>c.bit&1 == 0 {
			d.add(c.name, Problem, "this process does not have it", "run plumb as root, or as a normal user below unshare -Urn")
			continue
		}
		d.ok(c.name, "this process has it"+map[bool]string{true: ", in its user namespace", false: ""}[inside])
	}
	if inside {
		d.ok("user namespace", "this process is in one: it manages networks that were made in it, and root file systems are composed of layers of each directory")
	}
	if fields["Seccomp"] != "" && fields["Seccomp"] != "0" {
		d.add("seccomp", Warning, "a filter is on this process: what fails below may be its doing", "run plumb where there is none")
	}
}

// statusFields are the lines of /proc/PID/status.
func statusFields(text string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.TrimSpace(value)
	}
	return fields
}

// inUserNamespace reports whether this process is in a user namespace other than the first: that one maps all ids to themselves.
func inUserNamespace() bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	f := strings.Fields(string(text))
	return err == nil && !(len(f) == 3 && f[0] == "0" && f[1] == "0" && f[2] == "4294967295")
}
