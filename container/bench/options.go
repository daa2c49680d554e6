package bench

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"plumb/container"

	"golang.org/x/sys/unix"
)

// A Case is one situation in which is measured, on a host of its own.
type Case struct {
	Concurrency int    // how many come and go at once
	Containers  int    // that are there already, and stay
	Family      string // "4", "6" or "46"
	Publish     int    // ports that each container publishes
	Cold        bool   // plumb's table is absent, and made with the container; else one container more stays, so that it stands
}

// String names it by what is not usual, or as a sub-benchmark of Go's: "concurrency=4/containers=100".
func (c Case) String() string {
	words := []string{"family=" + c.Family, "concurrency=" + fmt.Sprint(c.Concurrency), "containers=" + fmt.Sprint(c.Containers)}
	if c.Publish > 0 {
		words = append(words, "publish="+fmt.Sprint(c.Publish))
	}
	if c.Cold {
		words = append(words, "cold")
	}
	return strings.Join(words, "/")
}

// Options say what Run measures.
type Options struct {
	N      int // iterations of each case
	Warmup int // iterations of each before, which do not count
	Cases  []Case

	// Command makes each container a whole one: a process is cloned, builds its root file system, and becomes this command, which is to wait and is
	// killed. Without one, a container is a network namespace.
	Command []string

	Progress func(Progress) // told now and then; nil for nobody
}

// A Progress is how far it has come.
type Progress struct {
	What        string
	Done, Total int
	Left        time.Duration // that it will take, by what it has taken
}

// Limits of what can be asked for.
const (
	maxContainers  = 8000
	maxConcurrency = 256
	firstPort      = 10000 // of those that are published
	manyContainers = 200   // from here on they need a larger subnet than the usual one
)

// Check says what cannot be meant.
func (o *Options) Check() error {
	if o.N < 1 || o.Warmup < 0 {
		return fmt.Errorf("%d iterations after %d to warm up: one is the least", o.N, o.Warmup)
	}
	for _, c := range o.Cases {
		switch {
		case c.Family != "4" && c.Family != "6" && c.Family != "46":
			return fmt.Errorf("family %q: 4, 6 and 46 are", c.Family)
		case c.Concurrency < 1 || c.Concurrency > maxConcurrency:
			return fmt.Errorf("concurrency %d: it is from 1 to %d", c.Concurrency, maxConcurrency)
		case c.Containers < 0 || c.Containers > maxContainers:
			return fmt.Errorf("%d containers: at most %d can be there", c.Containers, maxContainers)
		case c.Publish < 0 || firstPort+(c.Containers+c.Concurrency+1)*c.Publish > 1<<16:
			return fmt.Errorf("%d ports for each of %d containers: there are %d", c.Publish, c.Containers+c.Concurrency+1, 1<<16-firstPort)
		case c.Cold && c.Containers+c.Concurrency > 1:
			return fmt.Errorf("cold, with %d containers: the table is absent only where there is none, and one comes at a time", c.Containers+c.Concurrency)
		}
	}
	return nil
}

// large says whether a case needs a large subnet. All cases have the same then, so that they can be compared.
func (o *Options) large() bool {
	for _, c := range o.Cases {
		if c.Containers+c.Concurrency > manyContainers {
			return true
		}
	}
	return false
}

// network is what container number i of a case is given.
func (c Case) network(name string, i int, large bool) container.Network {
	n := container.Network{Name: name, NoIPv4: c.Family == "6", NoIPv6: c.Family == "4"}
	if large && !n.NoIPv4 {
		n.Subnet = netip.MustParsePrefix("10.0.0.0/16")
	}
	for p := range c.Publish {
		n.Publish = append(n.Publish, container.Publish{
			Proto: unix.IPPROTO_TCP, HostPort: uint16(firstPort + i*c.Publish + p), Port: uint16(80 + p), Count: 1,
		})
	}
	return n
}
