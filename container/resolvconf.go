package container

import (
	"net/netip"
	"slices"
	"strings"
)

// StubResolverFile is where a host that runs a stub resolver on a loopback address keeps the resolvers behind it.
const StubResolverFile = "/run/systemd/resolve/resolv.conf"

// DNSConfig says how a container resolves names. What is empty is the host's.
type DNSConfig struct {
	Servers []netip.Addr // nameserver lines
	Search  []string     // domains of the search line; "." alone means none
	Options []string     // of the options line, such as "ndots:2"
}

// A HostResolver is the text of the files in which a host says how it resolves names; "" for one that it does not have.
type HostResolver struct {
	ResolvConf string // /etc/resolv.conf
	BehindStub string // /run/systemd/resolve/resolv.conf, used if the first names only loopback addresses
}

// ResolvConf returns the text of a container's /etc/resolv.conf (see resolv.conf(5)). A loopback address there would be the container's own, so
// the host's resolvers on loopback are left out. unreachable reports that none was left and none was given: the text then names no
// server, and who wants names resolved has to provide one.
func ResolvConf(host HostResolver, config DNSConfig) (text string, unreachable bool) {
	given := parseResolvConf(host.ResolvConf)
	servers := config.Servers
	if len(servers) == 0 {
		servers = reachable(given.Servers)
	}
	if len(servers) == 0 {
		behind := parseResolvConf(host.BehindStub)
		servers = reachable(behind.Servers)
		if len(given.Search) == 0 {
			given.Search = behind.Search
		}
	}
	search, options := given.Search, given.Options
	if len(config.Search) > 0 {
		search = config.Search
	}
	if len(config.Options) > 0 {
		options = config.Options
	}
	var b strings.Builder
	for _, server := range servers {
		b.WriteString("nameserver " + server.String() + "\n")
	}
	if len(search) > 0 && !slices.Equal(search, []string{"."}) {
		b.WriteString("search " + strings.Join(search, " ") + "\n")
	}
	if len(options) > 0 {
		b.WriteString("options " + strings.Join(options, " ") + "\n")
	}
	return b.String(), len(servers) == 0
}

// reachable returns the servers that mean the same from inside a container: not those on loopback, nor those that name an
// interface of the host (fe80::1%eth0).
func reachable(servers []netip.Addr) []netip.Addr {
	var out []netip.Addr
	for _, server := range servers {
		if !server.Unmap().IsLoopback() && server.Zone() == "" && !server.IsUnspecified() {
			out = append(out, server)
		}
	}
	return out
}

// parseResolvConf reads what resolv.conf(5) defines and ignores the rest, as resolvers do. The last search or domain line counts.
func parseResolvConf(text string) DNSConfig {
	var config DNSConfig
	for line := range strings.Lines(text) {
		if i := strings.IndexAny(line, "#;"); i >= 0 {
			line = line[:i]
		}
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "nameserver":
			if server, err := netip.ParseAddr(words[1]); err == nil {
				config.Servers = append(config.Servers, server)
			}
		case "search":
			config.Search = words[1:]
		case "domain":
			config.Search = words[1:2]
		case "options":
			config.Options = append(config.Options, words[1:]...)
		}
	}
	return config
}

// CheckSearchDomain tells whether s can stand on a search line: a domain, or "." alone, which stands for none.
func CheckSearchDomain(s string) error {
	if s == "." {
		return nil
	}
	return checkHostName(strings.TrimSuffix(s, "."))
}
