package learn_test

import (
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"plumb/container/netns"
	"plumb/nat"
	"plumb/rtnl/wire"
)

// firewall makes a network namespace and opens a socket to its nftables.
func firewall() (*netns.NS, *nat.Conn) {
	ns, err := netns.New()
	must(err)
	conn, err := netns.Open(ns, func() (*nat.Conn, error) { return nat.Dial(wire.Config{}) })
	must(err)
	return ns, conn
}

// A batch is carried out wholly or not at all, and counts as one generation of the ruleset.
func Example_batch() {
	ns, conn := firewall()
	defer ns.Close()
	defer conn.Close()
	before, err := conn.GenID()
	must(err)

	table := &nat.Table{Header: nat.Header{Family: nat.NFPROTO_INET}, Name: "lesson"}
	chain := func(name string) *nat.Chain {
		return &nat.Chain{
			Header: table.Header, Table: "lesson", Name: name, Type: "nat",
			Hook: &nat.Hook{Num: nat.NF_INET_POST_ROUTING, Priority: 100},
		}
	}
	err = conn.Batch(nat.NewTable(table, netlink.Excl), nat.NewChain(chain("post"), 0), nat.NewTable(table, netlink.Excl))
	fmt.Println(err)
	_, err = conn.Table(nat.NFPROTO_INET, "lesson")
	fmt.Println("nothing is done:", errors.Is(err, unix.ENOENT))

	must(conn.Batch(nat.NewTable(table, netlink.Excl), nat.NewChain(chain("post"), 0)))
	after, err := conn.GenID()
	must(err)
	fmt.Println("generations:", after-before)
	// Output:
	// make table inet lesson: TABLE_NAME: file exists (EEXIST)
	// nothing is done: true
	// generations: 1
}

// The rule "oifname uplink0 masquerade" is three expressions, which hand a value on in a register.
func Example_rule() {
	ns, conn := firewall()
	defer ns.Close()
	defer conn.Close()

	family := nat.Header{Family: nat.NFPROTO_INET}
	rule := &nat.Rule{
		Header: family, Table: "lesson", Chain: "post",
		Expressions: nat.Exprs(
			&nat.Meta{Dest: nat.NFT_REG_1, Key: nat.NFT_META_OIFNAME},
			&nat.Cmp{Source: nat.NFT_REG_1, Op: nat.NFT_CMP_EQ, Data: &nat.Data{Value: nat.IfName("uplink0")}},
			&nat.Masq{},
		),
	}
	must(conn.Batch(
		nat.NewTable(&nat.Table{Header: family, Name: "lesson"}, 0),
		nat.NewChain(&nat.Chain{
			Header: family, Table: "lesson", Name: "post", Type: "nat",
			Hook: &nat.Hook{Num: nat.NF_INET_POST_ROUTING, Priority: 100},
		}, 0),
		nat.NewRule(rule, netlink.Append),
	))

	rules, err := conn.Rules(nat.NFPROTO_INET, "lesson", "post")
	must(err)
	for _, e := range rules[0].Expressions {
		fmt.Println(e.Name)
	}
	// Output:
	// meta
	// cmp
	// masq
}
