package nat

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// A name server for a container listens on a port that nobody else wants, and what is sent to port 53 of its address is sent
// there: so a name server of the container's own, on 0.0.0.0:53, finds that port free. The rules for it are a table of their own
// in the container's namespace, which goes with the process that serves.

// RedirectTable is the name of that table, of family ip.
const RedirectTable = "plumb-names"

const dnsPort = 53

// A Redirect is that table, while it stands.
type Redirect struct {
	conn  *Conn
	owned bool
}

// DialRedirect makes the table, in the calling thread's network namespace: what is sent from there to port 53 of to's address, by UDP or
// TCP, goes to to's port. It stands until Close, or until the process ends. Before Linux 5.12 nobody removes it for a process
// that was killed; the next one replaces it.
//
// The error is unix.EPERM where another process has one.
func DialRedirect(config wire.Config, to netip.AddrPort) (*Redirect, error) {
	return dialRedirect(config, to, NFT_TABLE_F_OWNER)
}

func dialRedirect(config wire.Config, to netip.AddrPort, flags TableFlags) (*Redirect, error) {
	c, err := Dial(config)
	if err != nil {
		return nil, err
	}
	r := &Redirect{conn: c, owned: true}
	err = c.Batch(redirectRequests(to, flags)...)
	if refused(err, unix.EEXIST, unix.EEXIST) {
		err = c.Batch(replaceRequests(to, flags)...)
	}
	if refused(err, unix.EINVAL, unix.EOPNOTSUPP) { // before Linux 5.12, and since: nf_tables_newtable, net/netfilter/nf_tables_api.c
		r.owned = false
		err = c.Batch(replaceRequests(to, 0)...)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("redirect port %d of %s to %s: %w", dnsPort, to.Addr(), to, err), c.Close())
	}
	return r, nil
}

// refused reports whether the table is what the kernel refuses, with one of these errors.
func refused(err error, a, b unix.Errno) bool {
	for _, e := range wire.Refusals(err) {
		if (e.Index == 0 || e.Index == replacing) && (errors.Is(e.Err, a) || errors.Is(e.Err, b)) {
			return true
		}
	}
	return false
}

// Close removes the table. Connections that it has redirected stay so.
func (r *Redirect) Close() error {
	c, err := r.End()
	return errors.Join(err, c.Close())
}

// End is Close up to the close of the socket that it returns, with which a table goes that has an owner: for CloseLater.
func (r *Redirect) End() (*Conn, error) {
	if r.owned {
		return r.conn, nil
	}
	err := r.conn.Batch(DelTable(redirectTable(0)))
	if errors.Is(err, unix.ENOENT) {
		err = nil // somebody has flushed the ruleset
	}
	return r.conn, err
}

func redirectTable(flags TableFlags) *Table {
	return &Table{Header: Header{Family: NFPROTO_IPV4}, Name: RedirectTable, Flags: flags}
}

// replaceRequests make the table where one without an owner may have been left behind: it is made if it is not there, removed,
// and made anew. They are EPERM where it has an owner.
func replaceRequests(to netip.AddrPort, flags TableFlags) []wire.Request {
	requests := []wire.Request{NewTable(redirectTable(0), 0), DelTable(redirectTable(0))}
	return append(requests, redirectRequests(to, flags)...)
}

const replacing = 2 // requests before those that make it

// redirectRequests make the table. The first is EEXIST when it is there.
func redirectRequests(to netip.AddrPort, flags TableFlags) []wire.Request {
	chain := &Chain{
		Header: Header{Family: NFPROTO_IPV4}, Table: RedirectTable, Name: chainOutput, Type: "nat",
		Hook: &Hook{Num: NF_INET_LOCAL_OUT, Priority: priorityDstNAT},
	}
	requests := []wire.Request{NewTable(redirectTable(flags), netlink.Excl), NewChain(chain, 0)}
	for _, protocol := range []byte{unix.IPPROTO_UDP, unix.IPPROTO_TCP} {
		requests = append(requests, NewRule(redirectRule(protocol, to), netlink.Append))
	}
	return requests
}

// redirectRule is: ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:PORT
//
// It is not "redirect", which in this hook goes to 127.0.0.1.
func redirectRule(protocol byte, to netip.AddrPort) *Rule {
	addr := to.Addr().AsSlice()
	target := []any{
		&Immediate{Dest: NFT_REG_1, Data: &Data{Value: addr}}, &Immediate{Dest: NFT_REG_2, Data: &Data{Value: Port(to.Port())}},
		&NAT{Type: NFT_NAT_DNAT, Family: NFPROTO_IPV4, AddrMin: NFT_REG_1, ProtoMin: NFT_REG_2, Flags: natRangeProto},
	}
	return &Rule{
		Header: Header{Family: NFPROTO_IPV4}, Table: RedirectTable, Chain: chainOutput,
		Expressions: steps(
			[]any{ipv4.loadDst(NFT_REG_1), compare(NFT_CMP_EQ, addr)},
			meta(NFT_META_L4PROTO, NFT_CMP_EQ, []byte{protocol}),
			[]any{loadDstPort(NFT_REG_1), compare(NFT_CMP_EQ, Port(dnsPort))},
			target,
		),
	}
}
