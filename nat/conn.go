package nat

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// A Conn is a socket to the nftables of one network namespace. It may be used by several goroutines.
type Conn struct {
	wire  *wire.Conn
	known memory // of plumb's table

	removed      atomic.Bool // a batch has removed something
	listsTracked atomic.Bool // the kernel does not flush connections by itself: see FlushConnections
}

// Dial opens a socket in the calling thread's network namespace. config.Protocol is set here.
func Dial(config wire.Config) (*Conn, error) {
	config.Protocol = Protocol
	c, err := wire.Dial(config)
	if err != nil {
		return nil, explain(err)
	}
	return &Conn{wire: c}, nil
}

// Close closes the socket. Right after a batch that has removed something it waits some milliseconds for the kernel.
func (c *Conn) Close() error { return c.wire.Close() }

// CloseLater closes sockets of a process that is about to end, without that wait: see wire.CloseLater.
func CloseLater(conns ...*Conn) error {
	sockets := make([]*wire.Conn, len(conns))
	for i, c := range conns {
		sockets[i] = c.wire
	}
	return wire.CloseLater(sockets...)
}

// Removed says whether a batch has removed anything.
func (c *Conn) Removed() bool { return c.removed.Load() }

// ErrUnsupported is in the chain of an error that says that the kernel has no nftables.
var ErrUnsupported = errors.New("nf_tables not supported by this kernel: load the module nf_tables, or rebuild with CONFIG_NF_TABLES")

// ErrStale is in the chain of an error of BatchAt when somebody has changed a ruleset of the namespace meanwhile (ERESTART).
var ErrStale = errors.New("the ruleset has changed meanwhile")

// Batch carries the requests out as one transaction, all or none, in one send. The error is a *wire.Error or wire.Errors; the Index of
// each refused request is its place in requests, and -1 when the batch as a whole was refused.
func (c *Conn) Batch(requests ...wire.Request) error { return c.BatchAt(0, requests...) }

// BatchAt is Batch, provided that the generation id is still genID; otherwise ErrStale is in the error's chain. 0 is any.
func (c *Conn) BatchAt(genID uint32, requests ...wire.Request) error {
	if len(requests) == 0 {
		return nil
	}
	all := make([]wire.Request, 0, len(requests)+2)
	all = append(all, BeginBatch(genID))
	all = append(all, requests...)
	for i := range requests {
		switch requests[i].Type {
		case delTable.Type, delChain.Type, delRule.Type, delSet.Type, delSetElem.Type:
			c.removed.Store(true)
		}
	}
	// What fails is answered in any case, and answers come in the order of the requests: one acknowledgement, of the last, tells
	// that all have been answered. BATCH_BEGIN and BATCH_END ask for none: before Linux 6.10 they got none, and some kernels
	// since have acknowledged them on a replay that then failed.
	all[len(requests)].Flags |= netlink.Acknowledge
	all = append(all, EndBatch())
	return batchError(c.wire.Do(all...))
}

// batchError makes the Index of refused messages count from the first after BATCH_BEGIN.
func batchError(err error) error {
	if err == nil {
		return nil
	}
	for _, e := range wire.Refusals(err) {
		e.Index--
		if e.Index < 0 {
			e.Op = "commit the batch"
		}
		if e.Index < 0 && errors.Is(e.Err, unix.ERESTART) {
			e.Err = fmt.Errorf("%w (%w)", ErrStale, e.Err)
		}
	}
	return explain(err)
}

// explain says what the errors of a kernel without nftables mean. A socket cannot be opened without nfnetlink
// (EPROTONOSUPPORT); a batch for a subsystem that is not there is EOPNOTSUPP on its first message (nfnetlink_rcv_batch,
// net/netfilter/nfnetlink.c).
func explain(err error) error {
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		return fmt.Errorf("%w (%w)", ErrUnsupported, err)
	}
	for _, e := range wire.Refusals(err) {
		if e.Index < 0 && errors.Is(e.Err, unix.EOPNOTSUPP) {
			return fmt.Errorf("%w (%w)", ErrUnsupported, err)
		}
	}
	return explainMissing(err)
}

// explain does the same for a request outside of a batch. That is EINVAL for a subsystem that is not there (nfnetlink_rcv_msg), and for
// much else; but then so is the question for the generation id, which every nftables answers.
func (c *Conn) explain(err error) error {
	if errors.Is(err, unix.EINVAL) {
		if _, genErr := c.askGen(); errors.Is(genErr, unix.EINVAL) {
			return fmt.Errorf("%w (%w)", ErrUnsupported, err)
		}
	}
	return explain(err)
}

// dump lists what answers r.
func dump[T any](c *Conn, r wire.Request, m *wire.Message[T]) ([]T, error) {
	list, err := wire.Dump(c.wire, r, m)
	return list, c.explain(err)
}
