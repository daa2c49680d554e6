package lookup

import (
	"errors"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// eachHost calls f for every line of a hosts(5) file: an address and its names, the canonical one first.
// The file is read line by line, since block lists make it megabytes long.
func eachHost(r io.Reader, f func(addr netip.Addr, names []string)) error {
	lines := newLines(r)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		word := strings.Fields(line)
		if len(word) < 2 {
			continue
		}
		if addr, err := netip.ParseAddr(word[0]); err == nil {
			f(addr, word[1:])
		}
	}
	return lines.Err()
}

// hostAddrs returns the addresses that the file gives to name, in its order, each once.
func hostAddrs(r io.Reader, name string) ([]netip.Addr, error) {
	name = strings.TrimSuffix(name, ".")
	var addrs []netip.Addr
	err := eachHost(r, func(addr netip.Addr, names []string) {
		same := func(n string) bool { return strings.EqualFold(strings.TrimSuffix(n, "."), name) }
		if slices.ContainsFunc(names, same) && !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	})
	return addrs, err
}

// hostNames returns the names that the file gives to addr.
func hostNames(r io.Reader, addr netip.Addr) ([]string, error) {
	var found []string
	err := eachHost(r, func(a netip.Addr, names []string) {
		if a == addr {
			found = append(found, names...)
		}
	})
	return found, err
}

// localhost answers for names that never go to a server: RFC 6761, section 6.3.
func localhost(name string) []netip.Addr {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	}
	return nil
}

// readHosts opens the hosts file, if the resolver has one and it exists, and gives it to read.
func readHosts[T any](path string, read func(io.Reader) ([]T, error)) ([]T, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return read(f)
}
