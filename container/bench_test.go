package container_test

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container"
	"plumb/container/netns"
	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

// BenchmarkAttach attaches a new namespace to a host that has a container already, in turn by Attach and by the same
// network from prebuilt bytes through sockets that are open: the floor. It reports the medians of both in µs, and their
// ratio. The namespaces are made, and all is removed, outside of the times:
//
//	go test -run - -bench Attach -benchtime 300x ./container
func BenchmarkAttach(b *testing.B) {
	w := newTown(b)
	w.attach(container.Network{Name: "first"})
	h, err := container.OpenHost(container.HostOptions{NS: w.host.NS()}) // without a tracer
	must(b, err)
	defer h.Close()
	f := newFloor(b, w)
	var floorTimes, attachTimes []time.Duration
	attach := func(ns *netns.NS) time.Duration {
		start := time.Now()
		_, err := h.Attach(b.Context(), container.Network{Name: "web"}, ns)
		took := time.Since(start)
		must(b, err)
		w.detach("web")
		return took
	}
	measure := func(times *[]time.Duration, f func(ns *netns.NS) time.Duration) {
		ns, err := netns.New()
		must(b, err)
		*times = append(*times, f(ns))
		must(b, ns.Close())
	}
	measure(&attachTimes, attach) // to warm up
	measure(&floorTimes, f.attach)
	floorTimes, attachTimes = nil, nil
	for i := range b.N {
		if i%2 == 0 {
			measure(&floorTimes, f.attach)
			measure(&attachTimes, attach)
		} else {
			measure(&attachTimes, attach)
			measure(&floorTimes, f.attach)
		}
	}
	b.ReportMetric(0, "ns/op") // it would hold the removal
	least, took := lab.Microseconds(lab.Median(floorTimes)), lab.Microseconds(lab.Median(attachTimes))
	b.ReportMetric(least, "floor-µs")
	b.ReportMetric(took, "attach-µs")
	b.ReportMetric(took/least, "x-floor")
}

// A floor is the sequence of calls below which it does not go: two groups of rtnetlink messages, a batch of nf_tables
// elements, and a socket in the new namespace, with one acknowledgement each.
type floor struct {
	w                             *town
	routes, tables                int
	home                          *netns.NS
	pair, inside, lease, giveBack []byte
	peerFD                        int // where the pair holds the namespace's descriptor
	answer                        [4096]byte
	index, peer                   uint32
	address, gateway              netip.Addr
}

func newFloor(b *testing.B, w *town) *floor {
	f := &floor{w: w, index: 60, peer: 2, address: netip.MustParseAddr("10.0.0.9"), gateway: netip.MustParseAddr("10.0.0.1")}
	var err error
	f.home, err = netns.Current()
	must(b, err)
	must(b, w.host.Do(func() error {
		f.routes, f.tables = f.open(unix.NETLINK_ROUTE), f.open(unix.NETLINK_NETFILTER)
		return nil
	}))
	b.Cleanup(func() { unix.Close(f.routes); unix.Close(f.tables); f.home.Close() })
	f.pair = encode(b, f.pairRequests(0x7fffffff)...)
	f.peerFD = slices.Index(wordsOf(f.pair), 0x7fffffff) * 4
	f.inside = encode(b,
		rtnl.SetUp(1, ""), rtnl.SetUp(f.peer, ""),
		rtnl.NewAddr(rtnl.AddrOf(f.peer, netip.PrefixFrom(f.address, 24), unix.IFA_F_NOPREFIXROUTE), ""),
		rtnl.NewRoute(rtnl.OnLink(f.peer, netip.PrefixFrom(f.gateway, 32)), ""),
		rtnl.NewRoute(rtnl.Via(f.peer, rtnl.Default(f.gateway), f.gateway), ""))
	elements := func(set string, e nat.Element) *nat.ElementList {
		return &nat.ElementList{Header: nat.Header{Family: nat.NFPROTO_INET}, Table: nat.TableName, Set: set, Elements: []nat.Element{e}}
	}
	address := f.address.AsSlice()
	lease := nat.Element{Key: &nat.Data{Value: address}, Data: &nat.Data{Value: nat.IfName("pl-floor")}, UserData: nat.CommentData("floor if 60 at 1234.567")}
	member := nat.Element{Key: &nat.Data{Value: append(nat.IfName("pl-floor"), address...)}, UserData: nat.CommentData("floor")}
	f.lease = batch(b, nat.NewElements(elements("lease4", lease), 0), nat.NewElements(elements("member4", member), 0))
	f.giveBack = batch(b, nat.DelElements(elements("lease4", nat.Element{Key: lease.Key})), nat.DelElements(elements("member4", nat.Element{Key: member.Key})))
	return f
}

func (f *floor) pairRequests(fd uint32) []wire.Request {
	near := &rtnl.Link{
		Index: f.index, Name: "pl-floor", Address: []byte{2, 0, 0, 0, 0, 1}, MTU: 1500, Group: container.LinkGroup,
		Flags: unix.IFF_UP, Change: unix.IFF_UP, NumTxQueues: 1, NumRxQueues: 1,
	}
	far := &rtnl.Link{Index: f.peer, Name: "eth0", Address: []byte{2, 0, 0, 0, 0, 2}, MTU: 1500, NetNSFd: &fd, NumTxQueues: 1, NumRxQueues: 1}
	return []wire.Request{
		rtnl.NewLink(rtnl.VethPair(near, far), ""),
		rtnl.NewAddr(rtnl.PeerAddrOf(f.index, f.gateway, f.address, 0), ""),
	}
}

// attach is timed; removing is not.
func (f *floor) attach(ns *netns.NS) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	binary.NativeEndian.PutUint32(f.pair[f.peerFD:], uint32(ns.FD()))
	start := time.Now()
	f.ask(f.routes, f.pair)
	f.ask(f.tables, f.lease)
	must(f.w.t, unix.Setns(ns.FD(), unix.CLONE_NEWNET))
	inside := f.open(unix.NETLINK_ROUTE)
	must(f.w.t, unix.Setns(f.home.FD(), unix.CLONE_NEWNET))
	f.ask(inside, f.inside)
	must(f.w.t, unix.Close(inside))
	took := time.Since(start)
	f.ask(f.tables, f.giveBack)
	must(f.w.t, f.w.host.Rtnl().Do(rtnl.DelLink(&rtnl.Link{Index: f.index}, "")))
	return took
}

func (f *floor) open(family int) int {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, family)
	must(f.w.t, err)
	return fd
}

func (f *floor) ask(fd int, b []byte) {
	must(f.w.t, unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}))
	n, _, err := unix.Recvfrom(fd, f.answer[:], unix.MSG_DONTWAIT)
	must(f.w.t, err)
	if code := int32(binary.NativeEndian.Uint32(f.answer[16:])); n < 20 || code != 0 {
		f.w.t.Fatalf("the kernel answered %d", code)
	}
}

// encode makes one datagram of requests, of which the last alone is acknowledged.
func encode(b *testing.B, requests ...wire.Request) (datagram []byte) {
	for i, r := range requests {
		r.Flags &^= unix.NLM_F_ACK
		if i == len(requests)-1 {
			r.Flags |= unix.NLM_F_ACK
		}
		m, err := r.Encode(uint32(i + 1))
		must(b, err)
		datagram = append(datagram, m...)
	}
	return datagram
}

func batch(b *testing.B, requests ...wire.Request) []byte {
	begin, err := nat.BeginBatch(0).Encode(1)
	must(b, err)
	end, err := nat.EndBatch().Encode(9)
	must(b, err)
	return append(append(begin, encode(b, requests...)...), end...)
}

func wordsOf(b []byte) (words []uint32) {
	for ; len(b) >= 4; b = b[4:] {
		words = append(words, binary.NativeEndian.Uint32(b))
	}
	return words
}
