package container

import (
	"errors"
	"fmt"

	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// A limit is a token bucket filter (rtnl/qdisc_tbf.go) at the end that sends: what the container receives waits at the
// host end, what it sends waits in the container. There a queue that fills is what the sender sees: its socket's buffer
// does not empty, and TCP is told at once of what there is no room for, and slows down (tcp_enter_cwr, in tcp_output.c). A
// filter on what the host has received could only drop, and leave the sender to find out.

const (
	ethernetHeader = 14      // ETH_HLEN, linux/if_ether.h
	burstTime      = 100     // 1/100 s: the longest between two ticks (HZ), should the kernel have no better timer
	queueTime      = 20      // 1/20 s, as long as tc's examples let packets wait
	minQueue       = 8       // frames: with fewer, TCP cannot know that one was lost before its timer ends
	maxQueue       = 4 << 20 // bytes, lest a fast limit's queue fill the host's memory
)

// limitRequests hold what a link sends to a rate, or to nothing where that is 0. They may be sent again, with another
// rate or, since a frame that is larger than the bucket is dropped, with another MTU. They cost
// least before the link is set up: see rtnl.NewQdisc.
func limitRequests(index uint32, rate Rate, mtu uint32, purpose string) []wire.Request {
	if rate == 0 {
		return nil
	}
	burst, limit := bucket(rate, mtu)
	return []wire.Request{rtnl.NewQdisc(rtnl.TBFOf(index, uint64(rate)/8, burst, limit), purpose)}
}

// bucket is how many bytes a link may send at once after a pause, and how many may wait in all.
//
// The bucket holds what comes in between two ticks of the timer and two frames besides, so that no tokens are lost while
// a frame waits for its turn. A larger packet, which a veth passes on unsegmented, is segmented by the filter
// (tbf_segment, net/sched/sch_tbf.c).
func bucket(rate Rate, mtu uint32) (burst, limit uint32) {
	frame := uint64(mtu) + ethernetHeader
	bytes := uint64(rate) / 8
	b := bytes/burstTime + 2*frame
	wait := max(min(bytes/queueTime, maxQueue), minQueue*frame)
	return uint32(b), uint32(b + wait)
}

// explainLimit says what to do where the kernel cannot limit.
func explainLimit(err error) error {
	var refused *wire.Error
	if errors.As(err, &refused) && refused.Name == "RTM_NEWQDISC" && errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("%w: this kernel cannot limit bandwidth: load the module sch_tbf, or rebuild with CONFIG_NET_SCH_TBF", err)
	}
	return err
}
