package nat

import (
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// The expression lookup finds a register's value in a set: enum nft_lookup_attributes, linux/netfilter/nf_tables.h.

// A Lookup ends the rule unless the key in Source is in the set. Of a map, what the key means is left in Dest.
type Lookup struct {
	Set     string
	SetID   uint32 // of a set that is made in the same batch
	Source  Register
	Dest    *Register // of a map; NFT_REG_VERDICT for a verdict
	Flags   LookupFlags
	Unknown []wire.Attr
}

// LookupFlags is enum nft_lookup_flags.
type LookupFlags uint32

// NFT_LOOKUP_F_INV ends the rule when the key is in the set.
const NFT_LOOKUP_F_INV LookupFlags = 1

func (f LookupFlags) String() string { return flagNames(uint32(f), "inverted") }

var lookupTable = wire.Table[*Lookup]{Rows: func(l *Lookup) wire.Rows {
	return wire.Of(l,
		wire.String(unix.NFTA_LOOKUP_SET, "NFTA_LOOKUP_SET", &l.Set),
		wire.ReqBE(unix.NFTA_LOOKUP_SREG, "NFTA_LOOKUP_SREG", &l.Source),
		wire.OptBE(unix.NFTA_LOOKUP_DREG, "NFTA_LOOKUP_DREG", &l.Dest),
		wire.BE32(unix.NFTA_LOOKUP_SET_ID, "NFTA_LOOKUP_SET_ID", &l.SetID),
		wire.BE32(unix.NFTA_LOOKUP_FLAGS, "NFTA_LOOKUP_FLAGS", &l.Flags),
		wire.Unknown(&l.Unknown, words.Group("lookup")),
	)
}}
