package compare

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"plumb/container/netns"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// A recorder is a tracer that keeps what an attach asks the kernel for, of which it makes a script for floor/replay.c.
type recorder struct {
	mu     sync.Mutex
	groups []group
}

// A group is what was sent together, or a sysctl that was set.
type group struct {
	namespace string
	family    int
	sent      time.Time
	messages  [][]byte
	refused   map[uint32]bool // by sequence number
	purpose   string          // of the first message that is kept
	sysctl    string          // "ra" or "ping", or "sysctl" for one of the host's
	value     string          // of the latter: path=value
}

// scriptLabel begins a line that says what the next one is for.
const scriptLabel = "# "

// sysctlStep is what is said of a sysctl that is written, before its name, "=" and its value.
const sysctlStep = "sysctl "

// Trace implements wire.Tracer.
func (r *recorder) Trace(e wire.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case e.Kind == wire.KindStep && strings.Contains(e.Purpose, "accept_ra=0"):
		r.groups = append(r.groups, group{sysctl: "ra", purpose: e.Purpose})
	case e.Kind == wire.KindStep && strings.Contains(e.Purpose, "ping_group_range="):
		r.groups = append(r.groups, group{sysctl: "ping", purpose: e.Purpose})
	case e.Kind == wire.KindStep && e.Namespace == "host" && strings.HasPrefix(e.Purpose, sysctlStep) && strings.Contains(e.Purpose, "="):
		name, value, _ := strings.Cut(strings.TrimPrefix(e.Purpose, sysctlStep), "=")
		r.groups = append(r.groups, group{sysctl: "sysctl", purpose: e.Purpose, value: "sys/" + strings.ReplaceAll(name, ".", "/") + "=" + value})
	case e.Kind == wire.KindMessage && e.Sent:
		r.sent(e)
	case e.Kind == wire.KindMessage && e.Err != nil:
		for i := range r.groups {
			if g := &r.groups[i]; g.namespace == e.Namespace && g.family == e.Protocol.Family {
				g.refused[binary.NativeEndian.Uint32(e.Message[8:])] = true
			}
		}
	}
}

func (r *recorder) sent(e wire.Event) {
	g := group{namespace: e.Namespace, family: e.Protocol.Family, sent: e.Time, refused: map[uint32]bool{}}
	if n := len(r.groups); n == 0 || r.groups[n-1].namespace != g.namespace || r.groups[n-1].family != g.family || !r.groups[n-1].sent.Equal(g.sent) {
		r.groups = append(r.groups, g)
	}
	last := &r.groups[len(r.groups)-1]
	question := g.family == unix.NETLINK_ROUTE && asks(typeOf(e.Message)) || g.family == unix.NETLINK_NETFILTER && typeOf(e.Message) == unix.NFNL_MSG_BATCH_BEGIN
	if last.purpose == "" && !question {
		last.purpose = e.Purpose
	}
	last.messages = append(last.messages, bytes.Clone(e.Message))
}

// script is for the namespace that was attached under name. Left out is what only asks, and what was refused since it was there already. The question for the link
// that was made does more: the kernel gives it its queue before it answers (rtnl_getlink, net/core/rtnetlink.c).
func (r *recorder) script(name string, ns *netns.NS) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	fds, inodes, made := 0, 0, uint32(0)
	_, inode := ns.ID()
	for _, g := range r.groups {
		kind, data := g.kind(name), g.datagram(made)
		if kind == "" || len(data) == 0 && g.sysctl == "" {
			continue
		}
		fmt.Fprintf(&b, "%s%s\n%s %s%s\n", scriptLabel, strings.ReplaceAll(g.purpose, name, "web"), kind, hex.EncodeToString(data), g.value)
		if at := bytes.Index(data, nsFD(ns)); kind == "host" && at >= 0 {
			fds++
			made = indexOf(data)
			fmt.Fprintf(&b, "fd %d\n", at+unix.SizeofNlAttr)
		}
		if at := bytes.Index(data, []byte("ns="+strconv.FormatUint(inode, 10))); at >= 0 {
			inodes++
			fmt.Fprintf(&b, "inode %d\n", at+len("ns="))
		}
	}
	text := b.String()
	if fds != 1 || inodes != 1 || !strings.Contains(text, "nft ") {
		return "", fmt.Errorf("the attach was not as floor/replay.c knows it: %d namespaces, %d inodes:\n%s", fds, inodes, text)
	}
	return text, nil
}

// nsFD is the attribute that names the namespace by its descriptor.
func nsFD(ns *netns.NS) []byte {
	b := binary.NativeEndian.AppendUint16(nil, unix.SizeofNlAttr+4)
	b = binary.NativeEndian.AppendUint16(b, unix.IFLA_NET_NS_FD)
	return binary.NativeEndian.AppendUint32(b, uint32(ns.FD()))
}

// kind is what the script calls the group, or "".
func (g *group) kind(name string) string {
	switch {
	case g.sysctl != "":
		return g.sysctl
	case g.family == unix.NETLINK_NETFILTER:
		if typeOf(g.messages[0]) == unix.NFNL_MSG_BATCH_BEGIN {
			return "nft"
		}
		return ""
	case g.namespace != name:
		return "host"
	}
	return "inside"
}

// datagram is the group's messages that count, of which the last that changes something is acknowledged. made is the index of the link that was made before.
func (g *group) datagram(made uint32) (data []byte) {
	const flagsAt, seqAt = 6, 8
	acknowledged := -1
	var kept [][]byte
	for _, m := range g.messages {
		question := g.family == unix.NETLINK_ROUTE && asks(typeOf(m)) && !(typeOf(m) == unix.RTM_GETLINK && made != 0 && indexOf(m) == made)
		if question || g.refused[binary.NativeEndian.Uint32(m[seqAt:])] {
			continue
		}
		if g.family == unix.NETLINK_NETFILTER && typeOf(m) == unix.NFNL_MSG_BATCH_BEGIN {
			m = anyGeneration(m)
		}
		if g.family == unix.NETLINK_ROUTE && !asks(typeOf(m)) {
			acknowledged = len(kept)
		}
		kept = append(kept, m)
	}
	for i, m := range kept {
		if g.family == unix.NETLINK_ROUTE {
			flags := binary.NativeEndian.Uint16(m[flagsAt:]) &^ unix.NLM_F_ACK
			if i == acknowledged {
				flags |= unix.NLM_F_ACK
			}
			binary.NativeEndian.PutUint16(m[flagsAt:], flags)
		}
		data = append(data, m...)
		data = append(data, make([]byte, -len(m)&3)...)
	}
	return data
}

// anyGeneration is a BATCH_BEGIN without the generation of the ruleset that the transaction was for (NFNL_BATCH_GENID): its header and struct nfgenmsg.
func anyGeneration(m []byte) []byte {
	m = bytes.Clone(m[:unix.SizeofNlMsghdr+4])
	binary.NativeEndian.PutUint32(m, uint32(len(m)))
	return m
}

// indexOf is ifi_index of a message about a link: struct ifinfomsg, linux/rtnetlink.h.
func indexOf(m []byte) uint32 { return binary.NativeEndian.Uint32(m[unix.SizeofNlMsghdr+4:]) }

func typeOf(m []byte) uint16 { return binary.NativeEndian.Uint16(m[4:]) }

// asks says whether a message of rtnetlink is a question: they come in fours, NEW, DEL, GET and SET (linux/rtnetlink.h).
func asks(typ uint16) bool { return (typ-unix.RTM_BASE)%4 == 2 }
