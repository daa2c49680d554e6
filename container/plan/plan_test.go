package plan

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A kernel refuses everything, and remembers what it was sent.
type kernel struct{ sent, answers [][]byte }

func (k *kernel) Send(b []byte) error {
	k.sent = append(k.sent, slices.Clone(b))
	messages, err := split(b)
	for _, m := range messages {
		k.answers = append(k.answers, encode(unix.NLMSG_ERROR, 0, m.seq, native.AppendUint32(nil, ^uint32(unix.ENOENT)+1), m.whole[:header]))
	}
	return err
}

func (k *kernel) Receive(b []byte, _ bool) (int, error) {
	if len(k.answers) == 0 {
		return 0, unix.EAGAIN
	}
	n := copy(b, k.answers[0])
	k.answers = k.answers[1:]
	return n, nil
}

func (k *kernel) Join(uint32) error               { return nil }
func (k *kernel) Grow(int) error                  { return nil }
func (k *kernel) SetReadDeadline(time.Time) error { return nil }
func (k *kernel) Close() error                    { return nil }

func over(k *kernel, family int) *transport {
	t := &transport{plan: New(), family: family, real: k}
	t.plan.state(t.space).route = k
	return t
}

// Of all message types that there are, those alone reach the kernel that ask.
func TestNothingButQuestionsIsSent(t *testing.T) {
	t.Parallel()
	questions := map[int][]uint16{
		unix.NETLINK_ROUTE: {
			unix.RTM_GETLINK, unix.RTM_GETADDR, unix.RTM_GETROUTE, unix.RTM_GETNEIGH, unix.RTM_GETRULE, unix.RTM_GETQDISC,
			unix.RTM_GETNETCONF, unix.RTM_GETNSID,
		},
		unix.NETLINK_NETFILTER: {
			nft | unix.NFT_MSG_GETTABLE, nft | unix.NFT_MSG_GETCHAIN, nft | unix.NFT_MSG_GETRULE, nft | unix.NFT_MSG_GETSET,
			nft | unix.NFT_MSG_GETSETELEM, nft | unix.NFT_MSG_GETGEN, conntrackGet, conntrackStats,
		},
		unix.NETLINK_SOCK_DIAG: {unix.SOCK_DIAG_BY_FAMILY},
	}
	changes := map[int][]uint16{
		unix.NETLINK_ROUTE:     {unix.RTM_NEWLINK, unix.RTM_DELLINK, unix.RTM_SETLINK, unix.RTM_NEWADDR, unix.RTM_DELROUTE, unix.RTM_NEWQDISC, unix.RTM_NEWNSID, unix.RTM_NEWLINKPROP},
		unix.NETLINK_NETFILTER: {nft | unix.NFT_MSG_GETRULE_RESET, nft | unix.NFT_MSG_GETOBJ_RESET, unix.NFNL_SUBSYS_CTNETLINK<<8 | 3, unix.NFNL_SUBSYS_CTNETLINK<<8 | 2},
		unix.NETLINK_SOCK_DIAG: {unix.SOCK_DESTROY},
	}
	for _, family := range []int{unix.NETLINK_ROUTE, unix.NETLINK_NETFILTER, unix.NETLINK_SOCK_DIAG} {
		for typ := range uint16(0x1000) {
			k := &kernel{}
			if err := over(k, family).Send(encode(typ, unix.NLM_F_REQUEST|unix.NLM_F_ACK, 1, make([]byte, 16))); err != nil {
				t.Fatal(err)
			}
			switch sent := len(k.sent) > 0; {
			case slices.Contains(questions[family], typ) && !sent:
				t.Errorf("family %d: %#x is not asked", family, typ)
			case slices.Contains(changes[family], typ) && sent:
				t.Errorf("family %d: %#x is sent", family, typ)
			case sent && family == unix.NETLINK_ROUTE && typ&3 != 2:
				t.Errorf("family %d: %#x is sent", family, typ)
			}
		}
	}
}

// A datagram whatever it holds sends nothing but questions, and its answers are whole messages.
func FuzzSend(f *testing.F) {
	f.Add(encode(unix.RTM_NEWLINK, 0x605, 7, make([]byte, 16), attribute(unix.IFLA_IFNAME, []byte("x\x00"))), uint8(unix.NETLINK_ROUTE))
	list := attribute(unix.NFTA_SET_ELEM_LIST_ELEMENTS, attribute(unix.NFTA_LIST_ELEM, attribute(unix.NFTA_SET_ELEM_KEY, []byte{8, 0, 1, 0, 10, 0, 0, 2})))
	f.Add(bytes.Join([][]byte{
		encode(unix.NFNL_MSG_BATCH_BEGIN, 1, 1, make([]byte, 4)),
		encode(nft|unix.NFT_MSG_NEWSETELEM, 0x605, 2, []byte{1, 0, 0, 0}, attribute(1, []byte("t\x00")), attribute(2, []byte("s\x00")), list),
		encode(unix.NFNL_MSG_BATCH_END, 1, 3, make([]byte, 4)),
	}, nil), uint8(unix.NETLINK_NETFILTER))
	f.Fuzz(func(t *testing.T, b []byte, family uint8) {
		k := &kernel{}
		tr := over(k, int(family))
		for range 2 {
			_ = tr.Send(b)
			answer := make([]byte, 1<<16)
			for {
				n, err := tr.Receive(answer, false)
				if err != nil {
					break
				}
				if _, err := split(answer[:min(n, len(answer))]); err != nil {
					t.Fatalf("%v: %x", err, answer[:n])
				}
			}
		}
		for _, sent := range k.sent {
			messages, err := split(sent)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range messages {
				if !m.asks(int(family)) {
					t.Errorf("sent %x", m.whole)
				}
			}
		}
	})
}
