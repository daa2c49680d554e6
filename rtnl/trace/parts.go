package trace

import (
	"strconv"

	"plumb/rtnl/wire"
)

// parts number the parts of the work as they begin: 1, 2, and 2.1 for one within the second.
type parts struct {
	open  []part
	count int // of those that have begun since the last that is open did
}

type part struct {
	purpose, namespace string
	number             string
	before             int // count, when it began
}

// begin returns the number of a part that begins.
func (p *parts) begin(e *wire.Event) string {
	number := strconv.Itoa(p.count + 1)
	if n := len(p.open); n > 0 {
		number = p.open[n-1].number + "." + number
	}
	p.open = append(p.open, part{e.Purpose, e.Namespace, number, p.count})
	p.count = 0
	return number
}

// end returns the number of a part that ends, or "" where none like it is open. Those within it that were not ended have ended, too:
// parts of different goroutines may cross.
func (p *parts) end(e *wire.Event) string {
	for i := len(p.open) - 1; i >= 0; i-- {
		if o := p.open[i]; o.purpose == e.Purpose && o.namespace == e.Namespace {
			p.open, p.count = p.open[:i], o.before+1
			return o.number
		}
	}
	return ""
}
