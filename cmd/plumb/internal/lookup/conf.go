package lookup

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// The files of a host, see resolv.conf(5) and hosts(5).
const (
	resolvConf = "/etc/resolv.conf"
	hostsFile  = "/etc/hosts"
)

// The limits that resolv.conf(5) gives; the names are those of <resolv.h>.
const (
	maxServers  = 3 // MAXNS
	maxNdots    = 15
	maxTimeout  = 30 * time.Second
	maxAttempts = 5
)

// A Config is what resolv.conf(5) tells a resolver.
type Config struct {
	Servers  []netip.AddrPort // in the order to ask; a link-local one carries its zone
	Search   []string         // the domains to try behind a short name, without a final dot
	Ndots    int              // a name with as many dots is tried as it stands before the search domains
	Timeout  time.Duration    // for one try of one server
	Attempts int              // how often the list of servers is gone through
	Rotate   bool             // begin at a random server
	TCP      bool             // never ask by UDP: "options use-vc"
}

// defaults are the values of resolv.conf(5) where the file is silent.
func defaults() Config {
	return Config{Ndots: 1, Timeout: 5 * time.Second, Attempts: 2}
}

// LoadConfig reads the resolv.conf at path. A file that does not exist is an empty one: addresses and
// names from the hosts file need no server.
func LoadConfig(path string) (Config, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return defaults(), nil
	}
	if err != nil {
		return Config{}, err
	}
	defer f.Close()
	return ParseConfig(f)
}

// ParseConfig reads a resolv.conf(5). What it does not know or cannot read it skips, as the C library
// does; so its error is r's own.
//
// A file without a nameserver line yields no server, where the C library would ask 127.0.0.1: an error
// that names the file tells more than a refused connection.
func ParseConfig(r io.Reader) (Config, error) {
	c := defaults()
	lines := newLines(r)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		word := strings.Fields(line)
		if len(word) < 2 {
			continue
		}
		switch word[0] {
		case "nameserver":
			if addr, err := netip.ParseAddr(word[1]); err == nil && len(c.Servers) < maxServers {
				c.Servers = append(c.Servers, netip.AddrPortFrom(addr, dnsPort))
			}
		case "domain": // and search exclude each other: the last one counts
			c.Search = domains(word[1:2])
		case "search":
			c.Search = domains(word[1:])
		case "options":
			c.setOptions(word[1:])
		}
	}
	return c, lines.Err()
}

// domains strips final dots, and drops the root and what can be no domain.
func domains(words []string) []string {
	var list []string
	for _, w := range words {
		w = strings.TrimSuffix(w, ".")
		if w != "" && checkName(w) == nil {
			list = append(list, w)
		}
	}
	return list
}

func (c *Config) setOptions(words []string) {
	for _, w := range words {
		key, value, _ := strings.Cut(w, ":")
		n, err := strconv.Atoi(value)
		given := err == nil && n >= 0
		switch {
		case key == "ndots" && given:
			c.Ndots = min(n, maxNdots)
		case key == "timeout" && given:
			c.Timeout = min(time.Duration(min(max(n, 1), 60))*time.Second, maxTimeout)
		case key == "attempts" && given:
			c.Attempts = min(max(n, 1), maxAttempts)
		case w == "rotate":
			c.Rotate = true
		case w == "use-vc":
			c.TCP = true
		}
	}
}

// newLines scans lines of up to a mebibyte; the scanner stops, with an error, at a longer one.
func newLines(r io.Reader) *bufio.Scanner {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	return s
}
