package nat

import (
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// The generation id of the network namespace's ruleset: enum nft_gen_attributes, linux/netfilter/nf_tables.h. Every
// commit, whoever's, adds one to it.

// A Generation says how far the ruleset has come, and who took it there.
type Generation struct {
	Header
	ID      uint32
	PID     uint32 // of the process that committed last, in an event
	Process string // and its name
	Unknown []wire.Attr
}

var genTable = wire.Table[*Generation]{Rows: func(g *Generation) wire.Rows {
	return wire.Of(g,
		headerRows(&g.Header),
		wire.BE32(unix.NFTA_GEN_ID, "NFTA_GEN_ID", &g.ID),
		wire.BE32(unix.NFTA_GEN_PROC_PID, "NFTA_GEN_PROC_PID", &g.PID),
		wire.String(unix.NFTA_GEN_PROC_NAME, "NFTA_GEN_PROC_NAME", &g.Process),
		wire.Unknown(&g.Unknown, words.Group("gen")),
	)
}}

var (
	newGen = wire.Message[Generation]{Type: subsystem | unix.NFT_MSG_NEWGEN, Name: "NFT_MSG_NEWGEN", Body: &genTable}
	getGen = wire.Message[Generation]{Type: subsystem | unix.NFT_MSG_GETGEN, Name: "NFT_MSG_GETGEN", Body: &genTable}
)

// GenID returns the generation id of the namespace's ruleset.
func (c *Conn) GenID() (uint32, error) {
	g, err := c.askGen()
	if err != nil {
		return 0, c.explain(err)
	}
	return g.ID, nil
}

func (c *Conn) askGen() (*Generation, error) {
	g := new(Generation)
	return g, c.wire.Do(genRequest(g))
}

// genRequest asks for it among other requests.
func genRequest(g *Generation) wire.Request {
	return wire.Into(getGen.New(0, &Generation{}, "get the generation id"), &newGen, g)
}
