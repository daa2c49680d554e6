package nat

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// Data is what a register can hold: enum nft_data_attributes, linux/netfilter/nf_tables.h.

// Data is a value or a verdict.
type Data struct {
	Value   []byte // at most 64 bytes, NFT_DATA_VALUE_MAXLEN
	Verdict *Verdict
	Unknown []wire.Attr
}

// A Verdict says what becomes of a packet: enum nft_verdict_attributes.
type Verdict struct {
	Code    VerdictCode
	Chain   string // where NFT_JUMP and NFT_GOTO go
	Unknown []wire.Attr
}

// VerdictCode is enum nft_verdicts, and NF_* of linux/netfilter.h, which share its numbers.
type VerdictCode int32

// The verdicts.
const (
	NF_DROP      VerdictCode = 0
	NF_ACCEPT    VerdictCode = 1
	NFT_CONTINUE VerdictCode = unix.NFT_CONTINUE
	NFT_BREAK    VerdictCode = unix.NFT_BREAK
	NFT_JUMP     VerdictCode = unix.NFT_JUMP
	NFT_GOTO     VerdictCode = unix.NFT_GOTO
	NFT_RETURN   VerdictCode = unix.NFT_RETURN
)

// String is nft's word for the verdict.
func (v VerdictCode) String() string {
	if v < 0 && v >= NFT_RETURN {
		return []string{
			-NFT_CONTINUE: "continue", -NFT_BREAK: "break", -NFT_JUMP: "jump", -NFT_GOTO: "goto", -NFT_RETURN: "return",
		}[-v]
	}
	return nameOf(int64(v), []string{NF_DROP: "drop", NF_ACCEPT: "accept"})
}

// String is the verdict as nft writes it: "drop", "jump CHAIN".
func (v *Verdict) String() string {
	if v.Chain == "" {
		return v.Code.String()
	}
	return v.Code.String() + " " + v.Chain
}

var verdictTable = wire.Table[*Verdict]{Rows: func(v *Verdict) wire.Rows {
	return wire.Of(v,
		wire.ReqBE(unix.NFTA_VERDICT_CODE, "NFTA_VERDICT_CODE", &v.Code),
		wire.String(unix.NFTA_VERDICT_CHAIN, "NFTA_VERDICT_CHAIN", &v.Chain),
		wire.Unknown(&v.Unknown, words.Group("verdict")),
	)
}}

var dataTable = wire.Table[*Data]{Rows: func(d *Data) wire.Rows {
	return wire.Of(d,
		wire.Bytes(unix.NFTA_DATA_VALUE, "NFTA_DATA_VALUE", (*registerValue)(&d.Value)),
		wire.Nest(unix.NFTA_DATA_VERDICT, "NFTA_DATA_VERDICT", &d.Verdict, &verdictTable),
		wire.Unknown(&d.Unknown, words.Group("data")),
	)
}}

// A Register is where an expression leaves a value for another: enum nft_registers. There are 16 of 4 bytes; NFT_REG_1 to
// NFT_REG_4 are four of them each.
type Register uint32

// Registers. The data registers of 4 bytes are NFT_REG32_00 + n, n from 0 to 15.
const (
	NFT_REG_VERDICT Register = 0
	NFT_REG_1       Register = 1 // 16 bytes, the same as NFT_REG32_00 to _03
	NFT_REG_2       Register = 2
	NFT_REG_3       Register = 3
	NFT_REG_4       Register = 4
	NFT_REG32_00    Register = 8
)

// String is the register as nft's debug output names it.
func (r Register) String() string {
	if r == NFT_REG_VERDICT {
		return "reg verdict"
	}
	return "reg " + nameOf(int64(r), nil)
}

// Register32 is the n-th register of 4 bytes, from 0, by the name that the kernel dumps it by: the first of four is NFT_REG_1 and so on.
func Register32(n int) Register {
	if n%4 == 0 {
		return NFT_REG_1 + Register(n/4)
	}
	return NFT_REG32_00 + Register(n)
}

// ifNameSize is IFNAMSIZ, linux/if.h: what an interface's name takes in a register and in a key.
const ifNameSize = unix.IFNAMSIZ

// appendIfName appends an interface's name, padded to IFNAMSIZ.
func appendIfName(b []byte, name string) []byte {
	var padded [ifNameSize]byte
	copy(padded[:ifNameSize-1], name)
	return append(b, padded[:]...)
}

// IfName is an interface's name as a key or a value: IFNAMSIZ bytes.
func IfName(name string) []byte { return appendIfName(make([]byte, 0, ifNameSize), name) }

// Concat joins keys as nft's "." does: each begins at a register of 4 bytes.
func Concat(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
		b = append(b, make([]byte, -len(p)&3)...)
	}
	return b
}

// Host32 is a number of 4 bytes in the host's byte order, as meta and ct leave it in a register.
func Host32(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

// Port is a port number as the transport header has it.
func Port(n uint16) []byte { return binary.BigEndian.AppendUint16(nil, n) }

// ifNameOf is the interface's name in b.
func ifNameOf(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

// addrOf is the address in b, the zero Addr where it is none.
func addrOf(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a
}
