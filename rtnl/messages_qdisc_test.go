package rtnl_test

import (
	"errors"

	"plumb/rtnl"
	"plumb/rtnl/wire"
)

func qdiscMessages() []message {
	limited := func(c *rtnl.Conn) error { return isTBF(c, 1_250_000, 61440) }
	return []message{
		{
			name: "qdisc-tbf", command: "tc qdisc replace dev pl-web root handle 1: tbf rate 10mbit burst 20480 limit 61440", before: []string{"link-pair"},
			run:  do(func(s string) wire.Request { return rtnl.NewQdisc(rtnl.TBFOf(hostEnd, 1_250_000, 20480, 61440), s) }),
			seen: limited,
		},
		{
			name: "qdisc-tbf-inside", command: "tc qdisc replace dev eth0 root handle 1: tbf rate 40gbit burst 1048576 limit 10485760", before: []string{"link-pair", "link-up"}, inside: true,
			run:  do(func(s string) wire.Request { return rtnl.NewQdisc(rtnl.TBFOf(eth0, 5e9, 1<<20, 10<<20), s) }),
			seen: func(c *rtnl.Conn) error { return isTBF(c, 5e9, 10<<20) },
		},
		{
			name: "qdisc-tbf-change", command: "tc qdisc replace dev pl-web root handle 1: tbf rate 20mbit burst 20480 limit 40960", before: []string{"link-pair", "qdisc-tbf"},
			run:  do(func(s string) wire.Request { return rtnl.NewQdisc(rtnl.TBFOf(hostEnd, 2_500_000, 20480, 40960), s) }),
			seen: func(c *rtnl.Conn) error { return isTBF(c, 2_500_000, 40960) },
		},
		{
			name: "qdisc-plain", command: "tc qdisc replace dev pl-web root handle 2: pfifo", before: []string{"link-pair"},
			run: do(func(s string) wire.Request {
				return rtnl.NewQdisc(&rtnl.Qdisc{Index: hostEnd, Parent: rtnl.QdiscRoot, Handle: 2 << 16, Kind: "pfifo"}, s)
			}),
			seen: among(hostQdiscs, func(q *rtnl.Qdisc) bool { return q.Kind == "pfifo" && q.Handle == 2<<16 && q.Parent == rtnl.QdiscRoot }),
		},
		{
			name: "qdisc-delete", command: "tc qdisc del dev pl-web root", before: []string{"link-pair", "qdisc-tbf"},
			run: do(func(s string) wire.Request {
				return rtnl.DelQdisc(&rtnl.Qdisc{Index: hostEnd, Parent: rtnl.QdiscRoot}, s)
			}),
			seen: func(c *rtnl.Conn) error {
				if err := limited(c); err == nil {
					return errors.New("the tbf is still there")
				}
				return nil
			},
		},
		{name: "qdisc-list", command: "tc qdisc show", run: func(c *rtnl.Conn, _ *world) error { _, err := c.Qdiscs(0); return err }},
	}
}

func hostQdiscs(c *rtnl.Conn) ([]rtnl.Qdisc, error) { return c.Qdiscs(hostEnd) }

// isTBF wants one of the namespace's links to be held to a rate, in bytes a second.
func isTBF(c *rtnl.Conn, rate uint64, limit uint32) error {
	return among(func(c *rtnl.Conn) ([]rtnl.Qdisc, error) { return c.Qdiscs(0) }, func(q *rtnl.Qdisc) bool {
		tbf, ok := q.Options.(*rtnl.TBF)
		return ok && q.Kind == "tbf" && q.Handle.String() == "1:0" && q.Parent == rtnl.QdiscRoot && tbf.BytesPerSecond() == rate &&
			tbf.Parms.Limit == limit && tbf.Parms.Rate.LinkLayer == rtnl.LinkLayerEthernet && q.Stats.Sent != nil && q.Stats.Queue.Len == 0
	})(c)
}
