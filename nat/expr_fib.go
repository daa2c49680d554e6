package nat

import (
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// The expression fib asks the routing tables (forwarding information base) about a packet: enum nft_fib_attributes,
// linux/netfilter/nf_tables.h.

// A FIB is that expression.
type FIB struct {
	Dest    Register
	Result  FIBResult
	Flags   FIBFlags
	Unknown []wire.Attr
}

// FIBResult is enum nft_fib_result: what is asked for.
type FIBResult uint32

// The questions. Answers are in the host's byte order.
const (
	NFT_FIB_RESULT_OIF      FIBResult = 1 + iota // index of the interface that it would leave by
	NFT_FIB_RESULT_OIFNAME                       // its name
	NFT_FIB_RESULT_ADDRTYPE                      // RTN_*, linux/rtnetlink.h
)

func (r FIBResult) String() string {
	return nameOf(int64(r), []string{NFT_FIB_RESULT_OIF: "oif", NFT_FIB_RESULT_OIFNAME: "oifname", NFT_FIB_RESULT_ADDRTYPE: "type"})
}

// FIBFlags is enum nft_fib_flags: what is looked up, and by what.
type FIBFlags uint32

// The flags.
const (
	NFTA_FIB_F_SADDR   FIBFlags = 1 << iota // look up the source
	NFTA_FIB_F_DADDR                        // look up the destination
	NFTA_FIB_F_MARK                         // use the mark
	NFTA_FIB_F_IIF                          // restrict to the interface that it came in by
	NFTA_FIB_F_OIF                          // restrict to the interface that it leaves by
	NFTA_FIB_F_PRESENT                      // only whether there is one
)

func (f FIBFlags) String() string {
	return flagNames(uint32(f), "saddr", "daddr", "mark", "iif", "oif", "present")
}

var fibTable = wire.Table[*FIB]{Rows: func(f *FIB) wire.Rows {
	return wire.Of(f,
		wire.ReqBE(unix.NFTA_FIB_DREG, "NFTA_FIB_DREG", &f.Dest),
		wire.ReqBE(unix.NFTA_FIB_RESULT, "NFTA_FIB_RESULT", &f.Result),
		wire.ReqBE(unix.NFTA_FIB_FLAGS, "NFTA_FIB_FLAGS", &f.Flags),
		wire.Unknown(&f.Unknown, words.Group("fib")),
	)
}}
