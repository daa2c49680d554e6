package bench

import (
	"encoding/binary"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"plumb/nat"
	"plumb/rtnl/wire"
)

// A Kind is what a span's time goes into.
type Kind uint8

// The kinds of spans.
const (
	KindWhole  Kind = iota // of several things
	KindRoute              // messages of rtnetlink, sent together
	KindTables             // messages of nftables, or of connection tracking
	KindSysctl             // a file below /proc/sys
	KindOther              // another system call: setns, socket
)

// A span is something that took time, in one iteration.
type span struct {
	key   string // the same for the same thing in other iterations
	label string
	kind  Kind
	depth int
	start time.Time
	took  time.Duration
}

// A recorder is a wire.Tracer that keeps when what was, and does nothing more while the clock runs.
type recorder struct {
	mu     sync.Mutex
	events []seen
}

// seen is what is kept of an Event. Its strings are not copied.
type seen struct {
	kind               wire.EventKind
	sent               bool
	typ                uint16
	time               time.Time
	took               time.Duration
	namespace, purpose string
	protocol           *wire.Protocol
}

func newRecorder() *recorder { return &recorder{events: make([]seen, 0, 256)} }

// Trace implements wire.Tracer.
func (r *recorder) Trace(e wire.Event) {
	s := seen{kind: e.Kind, sent: e.Sent, time: e.Time, took: e.Latency, namespace: e.Namespace, purpose: e.Purpose, protocol: e.Protocol}
	if len(e.Message) >= 6 {
		s.typ = binary.NativeEndian.Uint16(e.Message[4:])
	}
	r.mu.Lock()
	r.events = append(r.events, s)
	r.mu.Unlock()
}

// take returns what was recorded of a container's name since the last take, as spans below depth.
func (r *recorder) take(name string, depth int) []span {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := teller{name: name, depth: depth, groups: map[flow]int{}, seen: map[string]int{}}
	for i := range r.events {
		t.tell(&r.events[i])
	}
	r.events = r.events[:0]
	return t.finish()
}

// A flow is a namespace's messages of one protocol.
type flow struct {
	namespace string
	protocol  *wire.Protocol
}

// A teller makes spans of events.
type teller struct {
	name   string
	depth  int
	spans  []span
	parts  []int          // the spans of the parts that have not ended, by their number
	groups map[flow]int   // the span of the group that was sent last
	more   map[int]int    // further messages of a group
	seen   map[string]int // how often there was such a key
}

func (t *teller) tell(e *seen) {
	switch e.kind {
	case wire.KindBegin:
		if t.whole(e.purpose) {
			return
		}
		depth := t.inPart()
		t.parts = append(t.parts, len(t.spans))
		t.add(e, e.purpose, KindWhole, depth, e.time, 0)
	case wire.KindEnd:
		for i := len(t.parts) - 1; i >= 0; i-- {
			if s := &t.spans[t.parts[i]]; s.label == t.plain(e.purpose) {
				s.took = e.took
				t.parts = t.parts[:i]
				return
			}
		}
	case wire.KindStep:
		kind := KindOther
		if strings.HasPrefix(e.purpose, "sysctl") {
			kind = KindSysctl
		}
		t.add(e, e.purpose, kind, t.inPart(), e.time.Add(-e.took), e.took)
	case wire.KindMessage:
		t.message(e)
	}
}

// message adds a message to the group that it was sent with: the kernel works on all of a send before it returns, so what can be measured is
// how long the group took, to its last answer.
func (t *teller) message(e *seen) {
	f := flow{e.namespace, e.protocol}
	at, open := t.groups[f]
	switch {
	case !e.sent && open:
		t.spans[at].took = e.took
	case !e.sent: // it answers nothing
	case open && t.spans[at].start.Equal(e.time):
		if t.more == nil {
			t.more = map[int]int{}
		}
		t.more[at]++
		if e.purpose != "" && t.spans[at].label == "" {
			t.spans[at].label = t.plain(e.purpose)
		}
		t.spans[at].key += "," + strconv.Itoa(int(e.typ))
	default:
		kind := KindRoute
		if e.protocol != nil && e.protocol == nat.Protocol {
			kind = KindTables
		}
		t.groups[f] = len(t.spans)
		label := e.purpose
		if kind == KindTables && e.typ == unix.NFNL_MSG_BATCH_BEGIN {
			label = "" // the next one says what it is for
		}
		t.add(e, label, kind, t.inPart(), e.time, 0)
		t.spans[len(t.spans)-1].key += "/" + strconv.Itoa(int(e.typ))
	}
}

// whole says whether a purpose is that of all that is done, which is known.
func (t *teller) whole(purpose string) bool {
	what, of, _ := strings.Cut(purpose, " ")
	return of == t.name && (what == "attach" || what == "detach" || what == "take" || what == "run")
}

// inPart is the depth of what is in the innermost part.
func (t *teller) inPart() int { return t.depth + len(t.parts) }

func (t *teller) add(e *seen, label string, kind Kind, depth int, start time.Time, took time.Duration) {
	key := strconv.Itoa(int(kind))
	if kind == KindWhole || kind == KindOther {
		key += strings.Map(noDigit, t.plain(label)) // of a process, or a descriptor
	}
	if len(t.parts) > 0 && kind != KindWhole {
		key = t.spans[t.parts[len(t.parts)-1]].label + "/" + key
	}
	t.spans = append(t.spans, span{key, t.plain(label), kind, depth, start, took})
}

func noDigit(r rune) rune {
	if r >= '0' && r <= '9' {
		return -1
	}
	return r
}

// plain is a text without the number that the container's name has.
func (t *teller) plain(text string) string { return strings.ReplaceAll(text, t.name, baseName) }

// finish makes the keys differ, where there is the same more than once, and the labels say how many messages a group has.
func (t *teller) finish() []span {
	batchKey := strconv.Itoa(int(KindTables)) + "/" + strconv.Itoa(unix.NFNL_MSG_BATCH_BEGIN) + "," // in the key of a transaction of nftables: its first message
	for i := range t.spans {
		s := &t.spans[i]
		if s.kind == KindTables && strings.Contains(s.key, batchKey) {
			s.label = "nft batch: " + s.label
		}
		if n := t.more[i]; n > 0 {
			s.label += " (" + strconv.Itoa(n+1) + " messages)"
		}
		t.seen[s.key]++
		if n := t.seen[s.key]; n > 1 {
			s.key += "#" + strconv.Itoa(n)
		}
	}
	return t.spans
}
