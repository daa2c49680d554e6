package nat_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container/netns"
	. "plumb/nat"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

// A refuser is a transport that answers the first message of each datagram with an errno, as a kernel does that
// refuses a batch as a whole.
type refuser struct {
	recorder
	errno  unix.Errno
	answer []byte
}

func (r *refuser) Send(b []byte) error {
	r.answer = make([]byte, 36)
	binary.NativeEndian.PutUint32(r.answer[0:], 36)
	binary.NativeEndian.PutUint16(r.answer[4:], unix.NLMSG_ERROR)
	copy(r.answer[8:12], b[8:12])
	binary.NativeEndian.PutUint32(r.answer[16:], uint32(-int32(r.errno)))
	copy(r.answer[20:], b[:16])
	return nil
}

func (r *refuser) Receive(b []byte, _ bool) (int, error) {
	if r.answer == nil {
		return 0, unix.EAGAIN
	}
	n := copy(b, r.answer)
	r.answer = nil
	return n, nil
}

// A lacker refuses messages of a datagram by their place in it, as a kernel does that lacks what they need.
type lacker struct {
	recorder
	refuse  map[int]unix.Errno
	answers [][]byte
}

func (l *lacker) Send(b []byte) error {
	for i := 0; len(b) >= 16; i++ {
		if errno := l.refuse[i]; errno != 0 {
			r := refuser{errno: errno}
			if err := r.Send(b); err != nil {
				return err
			}
			l.answers = append(l.answers, r.answer)
		}
		b = b[(binary.NativeEndian.Uint32(b)+3)&^3:]
	}
	return nil
}

func (l *lacker) Receive(b []byte, _ bool) (int, error) {
	if len(l.answers) == 0 {
		return 0, unix.EAGAIN
	}
	n := copy(b, l.answers[0])
	l.answers = l.answers[1:]
	return n, nil
}

// What is ENOENT for want of a module has the module's name, unless it only follows from something else.
func TestKernelThatLacksParts(t *testing.T) {
	t.Parallel()
	h := Header{Family: NFPROTO_INET}
	limit := Exprs(&Limit{Rate: 1, Unit: 1})
	requests := []wire.Request{
		NewTable(&Table{Header: h, Name: "x"}, 0),
		NewSet(&Set{Header: h, Table: "x", Name: "s", ID: 1, KeyLen: 4, Expression: &limit[0]}, 0),
		NewChain(&Chain{Header: h, Table: "x", Name: "c", Type: "nat", Hook: &Hook{}}, 0),
		NewChain(&Chain{Header: h, Table: "x", Name: "d", Type: "filter", Hook: &Hook{}}, 0),
	}
	for _, test := range []struct {
		refuse map[int]unix.Errno // 0 is BATCH_BEGIN
		want   string
	}{
		{map[int]unix.Errno{2: unix.ENOENT, 3: unix.ENOENT}, "load nft_limit, nft_chain_nat, or rebuild with CONFIG_NFT_LIMIT, CONFIG_NFT_NAT (make set s: "},
		{map[int]unix.Errno{3: unix.ENOENT, 4: unix.ENOENT}, "load nft_chain_nat, or rebuild with CONFIG_NFT_NAT (make chain c: "},
		{map[int]unix.Errno{4: unix.ENOENT}, ""},
		{map[int]unix.Errno{1: unix.EPERM, 2: unix.ENOENT, 3: unix.ENOENT, 4: unix.ENOENT}, ""},
	} {
		c, err := Dial(wire.Config{Transport: &lacker{refuse: test.refuse}})
		if err != nil {
			t.Fatal(err)
		}
		err = c.Batch(requests...)
		if err == nil || test.want != "" && !strings.Contains(err.Error(), test.want) || test.want == "" && strings.Contains(err.Error(), "load nft_") {
			t.Errorf("%v: %v, want %q", test.refuse, err, test.want)
		}
	}
}

func TestKernelWithoutNftables(t *testing.T) {
	t.Parallel()
	c, err := Dial(wire.Config{Transport: &refuser{errno: unix.EOPNOTSUPP}})
	if err != nil {
		t.Fatal(err)
	}
	err = c.Batch(NewTable(&Table{Name: "x"}, 0))
	if !errors.Is(err, ErrUnsupported) || !errors.Is(err, unix.EOPNOTSUPP) || !strings.Contains(err.Error(), "CONFIG_NF_TABLES") {
		t.Errorf("a batch says %v", err)
	}
}

func TestQuestionsToKernelWithoutNftables(t *testing.T) {
	t.Parallel()
	c, err := Dial(wire.Config{Transport: &refuser{errno: unix.EINVAL}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Table(NFPROTO_INET, "x")
	if !errors.Is(err, ErrUnsupported) || !errors.Is(err, unix.EINVAL) {
		t.Errorf("a question for a table says %v", err)
	}
	if _, err = c.Tables(NFPROTO_INET); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a dump says %v", err)
	}
	if _, err = c.GenID(); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a question for the generation says %v", err)
	}
}

// What a kernel with nftables does not like stays what it is.
func TestInvalidQuestion(t *testing.T) {
	t.Parallel()
	_, err := newConn(t).Table(255, "x")
	if err == nil || errors.Is(err, ErrUnsupported) {
		t.Errorf("a table of no family says %v", err)
	}
	_, err = newConn(t).Element(NFPROTO_INET, "x", "s", Element{Key: &Data{Value: make([]byte, 200)}})
	if err == nil || errors.Is(err, ErrUnsupported) {
		t.Errorf("an element of no table says %v", err)
	}
}

func TestRefusedCommit(t *testing.T) {
	t.Parallel()
	c, err := Dial(wire.Config{Transport: &refuser{errno: unix.ENOSPC}})
	if err != nil {
		t.Fatal(err)
	}
	refused := wire.Refusals(c.Batch(NewTable(&Table{Name: "x"}, 0)))
	if len(refused) != 1 || refused[0].Index != -1 || !strings.HasPrefix(refused[0].Error(), "commit the batch") {
		t.Errorf("a commit that is refused says %v", refused)
	}
}

func TestEachRefusedMessageIsReported(t *testing.T) {
	t.Parallel()
	c := newConn(t)
	missing := &ElementList{Header: Header{Family: NFPROTO_INET}, Table: "none", Set: "s", Elements: []Element{{Key: &Data{Value: []byte{1}}}}}
	table := &Table{Header: Header{Family: NFPROTO_INET}, Name: "x"}
	err := c.Batch(DelElements(missing), NewTable(table, 0), DelElements(missing))
	refused := wire.Refusals(err)
	if len(refused) != 2 || refused[0].Index != 0 || refused[1].Index != 2 {
		t.Fatalf("refused: %v", err)
	}
	for _, e := range refused {
		if !errors.Is(e, unix.ENOENT) || e.Path != "SET_ELEM_LIST_TABLE" {
			t.Errorf("%v is at %q", e, e.Path)
		}
	}
	if _, err := c.Table(NFPROTO_INET, "x"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("half of the batch was carried out: %v", err)
	}
}

func TestWhatCannotBeAttached(t *testing.T) {
	t.Parallel()
	c, err := Dial(wire.Config{Transport: &recorder{}})
	if err != nil {
		t.Fatal(err)
	}
	long, outside, none := web(), web(), web()
	long.Link = "pl-0123456789abc"
	outside.IPv4.Addr = outside.IPv4.Addr.Prev().Prev().Prev()
	none.Link = ""
	for _, a := range []*Attachment{long, outside, none, {}} {
		if _, err := c.Attach(a); err == nil || errors.Is(err, errRecorded) {
			t.Errorf("%+v was sent: %v", a, err)
		}
	}
}

// A chain for a table that is not there lacks no module.
func TestChainWithoutTable(t *testing.T) {
	t.Parallel()
	c, err := netns.Open(lab.NewNS(t), func() (*Conn, error) { return Dial(wire.Config{}) })
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Batch(NewChain(&Chain{Header: Header{Family: NFPROTO_INET}, Table: "x", Name: "c", Type: "nat", Hook: &Hook{}}, 0))
	if !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "CHAIN_TABLE") || strings.Contains(err.Error(), "load nft_") {
		t.Errorf("it says %v", err)
	}
}
