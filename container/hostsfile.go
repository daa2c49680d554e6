package container

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"
)

// A HostEntry is a line of /etc/hosts: a name and the address that it stands for.
type HostEntry struct {
	Name string
	Addr netip.Addr
}

// ParseHostEntry reads NAME:IP, as --add-host takes it. An IPv6 address may stand in brackets.
func ParseHostEntry(s string) (HostEntry, error) {
	name, addr, found := strings.Cut(s, ":")
	if !found {
		return HostEntry{}, fmt.Errorf("add host %q: want NAME:IP, such as db:192.0.2.7", s)
	}
	if err := checkHostName(name); err != nil {
		return HostEntry{}, fmt.Errorf("add host %q: %w", s, err)
	}
	if inner, bracketed := strings.CutPrefix(addr, "["); bracketed {
		addr, bracketed = strings.CutSuffix(inner, "]")
		if !bracketed {
			return HostEntry{}, fmt.Errorf("add host %q: the bracket before the address is not closed", s)
		}
	}
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return HostEntry{}, fmt.Errorf("add host %q: %q is not an IP address: %w", s, addr, err)
	}
	return HostEntry{Name: name, Addr: ip}, nil
}

// checkHostName allows the names of RFC 1123, and the underscore, which is common inside private networks. Anything else, a newline above all,
// would be more than a name in /etc/hosts.
func checkHostName(name string) error {
	if name == "" || len(name) > 253 {
		return fmt.Errorf("a host name has 1 to 253 characters, %q has %d", name, len(name))
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return fmt.Errorf("%q is not a host name: each part has 1 to 63 characters and neither begins nor ends with a hyphen", name)
		}
		if i := strings.IndexFunc(label, notInHostName); i >= 0 {
			return fmt.Errorf("%q is not a host name: it may hold letters, digits, hyphens, underscores and dots", name)
		}
	}
	return nil
}

// checkOwnName checks the host name of a container, "" for the host's. HOST_NAME_MAX of the kernel is 64 (__NEW_UTS_LEN, linux/utsname.h).
func checkOwnName(name string) error {
	if name == "" {
		return nil
	}
	if len(name) > 64 {
		return fmt.Errorf("a container's host name has at most 64 characters, %q has %d: %w", name, len(name), unix.ENAMETOOLONG)
	}
	return checkHostName(name)
}

func notInHostName(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
		return false
	}
	return true
}

// HostsFile returns the text of a container's /etc/hosts: localhost, the container's own name at each of its addresses, and more.
func HostsFile(hostname string, own []netip.Addr, more []HostEntry) string {
	var b strings.Builder
	b.WriteString("127.0.0.1\tlocalhost\n" +
		"::1\tlocalhost ip6-localhost ip6-loopback\n" +
		"fe00::0\tip6-localnet\n" +
		"ff02::1\tip6-allnodes\n" +
		"ff02::2\tip6-allrouters\n")
	for _, addr := range own {
		if hostname != "" {
			b.WriteString(addr.String() + "\t" + ownNames(hostname) + "\n")
		}
	}
	for _, entry := range more {
		b.WriteString(entry.Addr.String() + "\t" + entry.Name + "\n")
	}
	return b.String()
}

// ownNames is a host name and, if it has a domain, its short form, in the order that hosts(5) wants.
func ownNames(hostname string) string {
	short, _, hasDomain := strings.Cut(hostname, ".")
	if !hasDomain {
		return hostname
	}
	return hostname + " " + short
}
