package doctor

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"plumb/container/netns"
	"plumb/nat"
	"plumb/rtnl/wire"
)

// nftProbes are the parts of nftables that plumb's table stands on, each alone, so that what is missing has a name; and then the
// table itself.
func nftProbes() []probe {
	return []probe{
		{"nf_tables", "rules for both families in one table", Problem, module("nf_tables", "NF_TABLES_INET"), func(b *bench) error {
			return b.rules("filter", nat.NF_INET_FORWARD)
		}},
		{"nft nat", "address translation in one table for both families (Linux 5.2)", Problem, module("nft_chain_nat", "NFT_NAT"), func(b *bench) error {
			return b.rules("nat", nat.NF_INET_POST_ROUTING)
		}},
		{"nft masq", "the way out", Problem, module("nft_masq", "NFT_MASQ"), func(b *bench) error {
			return b.rules("nat", nat.NF_INET_POST_ROUTING, &nat.Masq{})
		}},
		{"nft ct", "what is not published is not reached", Problem, module("nft_ct", "NFT_CT"), func(b *bench) error {
			return b.rules("filter", nat.NF_INET_FORWARD, &nat.CT{Dest: nat.NFT_REG_1, Key: nat.NFT_CT_STATE})
		}},
		{"nft fib", "published ports are on the host's own addresses", Problem, module("nft_fib_inet", "NFT_FIB_INET"), func(b *bench) error {
			return b.rules("nat", nat.NF_INET_PRE_ROUTING, &nat.FIB{Dest: nat.NFT_REG_1, Result: nat.NFT_FIB_RESULT_ADDRTYPE, Flags: nat.NFTA_FIB_F_DADDR})
		}},
		{"nft maps", "leases and published ports", Problem, module("nft_set_hash", "NF_TABLES"), func(b *bench) error {
			return b.set(&nat.Set{KeyType: nat.TypeIPv4Addr, KeyLen: 4, Flags: nat.NFT_SET_MAP, DataType: nat.TypeIfName, DataLen: unix.IFNAMSIZ})
		}},
		{"nft intervals", "subnets in sets", Problem, module("nft_set_rbtree", "NF_TABLES"), func(b *bench) error {
			return b.set(&nat.Set{KeyType: nat.TypeIPv4Addr, KeyLen: 4, Flags: nat.NFT_SET_INTERVAL})
		}},
		{"nft intervals in concatenations", "the ways of containers without a way out (Linux 5.6)", Problem, "a kernel from Linux 5.6 on has them", func(b *bench) error {
			return b.set(&nat.Set{
				KeyType: nat.ConcatType(nat.TypeIPv4Addr, nat.TypeIPv4Addr), KeyLen: 8, Flags: nat.NFT_SET_INTERVAL | nat.NFT_SET_CONCAT,
				Desc: &nat.SetDesc{Concat: []nat.SetField{{Len: 4}, {Len: 4}}},
			})
		}},
		{"nft limit", "--rate-out holds for who removes the filter inside (Linux 5.7)", Problem, module("nft_limit", "NFT_LIMIT"), func(b *bench) error {
			limit := nat.Exprs(&nat.Limit{Rate: 1 << 20, Unit: 1, Burst: 64 << 10, Type: nat.NFT_LIMIT_PKT_BYTES})
			return b.set(&nat.Set{KeyType: nat.TypeIfName, KeyLen: unix.IFNAMSIZ, Expression: &limit[0]})
		}},
		{"nft owner tables", "rules that go with their process (Linux 5.12)", Warning, "a kernel from Linux 5.12 on has them", (*bench).ownerTable},
		{"nft notifications", "rules that somebody flushes come back", Warning, "", (*bench).notifications},
		{"ctnetlink", "the connections of a container that has gone are forgotten", Warning, module("nf_conntrack_netlink", "NF_CT_NETLINK"), (*bench).ctnetlink},
		{"table inet plumb", "all of it together, as an attach makes it", Problem, "", (*bench).attach},
	}
}

var probeHeader = nat.Header{Family: nat.NFPROTO_INET}

const probeTable = "probe"

// batch carries requests out below a table of their own, and removes that again.
func (b *bench) batch(requests ...wire.Request) error {
	table := &nat.Table{Header: probeHeader, Name: probeTable}
	err := b.nat.Batch(append([]wire.Request{nat.NewTable(table, netlink.Excl)}, requests...)...)
	if err != nil {
		return err
	}
	return b.nat.Batch(nat.DelTable(table))
}

// rules makes a chain of a type on a hook, and a rule in it.
func (b *bench) rules(kind string, hook nat.HookNum, expressions ...any) error {
	chain := &nat.Chain{Header: probeHeader, Table: probeTable, Name: "c", Type: kind, Hook: &nat.Hook{Num: hook}}
	rule := &nat.Rule{Header: probeHeader, Table: probeTable, Chain: "c", Expressions: nat.Exprs(expressions...)}
	return b.batch(nat.NewChain(chain, 0), nat.NewRule(rule, netlink.Append))
}

func (b *bench) set(s *nat.Set) error {
	s.Header, s.Table, s.Name, s.ID = probeHeader, probeTable, "s", 1
	return b.batch(nat.NewSet(s, 0))
}

func (b *bench) ownerTable() error {
	table := &nat.Table{Header: probeHeader, Name: probeTable, Flags: nat.NFT_TABLE_F_OWNER}
	return b.nat.Batch(nat.NewTable(table, netlink.Excl), nat.DelTable(table))
}

// notifications listens to what a batch tells.
func (b *bench) notifications() error {
	c, err := netns.Open(b.ns, func() (*nat.Conn, error) { return nat.Dial(wire.Config{}) })
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Subscribe(); err != nil {
		return err
	}
	if err := b.batch(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	seen := errors.New("seen")
	if err := c.Events(ctx, func(nat.Event) error { return seen }); err != seen {
		return err
	}
	return nil
}

func (b *bench) ctnetlink() error {
	_, err := b.nat.CountConnections()
	return err
}

// attach makes plumb's own table, by the code that makes it for a container.
func (b *bench) attach() error {
	addr4, addr6 := netip.AddrFrom4([4]byte{10, 0, 0, 2}), netip.AddrFrom16([16]byte{0xfd, 'p', 'l', 'u', 'm', 'b', 15: 2})
	_, err := b.nat.Attach(&nat.Attachment{
		Link: probeLink, Comment: nat.Comment{Name: probeTable, IfIndex: probeIndex}, Options: nat.Internal, Police: 1 << 20,
		IPv4: nat.Place{Addr: addr4, Subnet: netip.PrefixFrom(addr4, 24).Masked()}, IPv6: nat.Place{Addr: addr6, Subnet: netip.PrefixFrom(addr6, 64).Masked()},
	})
	return err
}
