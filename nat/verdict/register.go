package verdict

import (
	"bytes"
	"math/bits"

	"plumb/nat"
)

// A truth is an answer in three values.
type truth uint8

const (
	no truth = iota
	maybe
	yes
)

// truthOf is the truth of what is known.
func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// not is what is so when t is not.
func (t truth) not() truth { return yes - t }

// and is both: as much as the lesser of them.
func (t truth) and(u truth) truth { return min(t, u) }

// notIf is t, or its opposite where invert is set.
func (t truth) notIf(invert bool) truth {
	if invert {
		return t.not()
	}
	return t
}

// A value is some bytes, of which each bit is known or not: where a bit of known is 0, that of data is 0, too.
type value struct{ data, known []byte }

// known is a value of which every bit is known.
//
//go:noinline
func known(b []byte) value {
	return value{b, bytes.Repeat([]byte{0xff}, len(b))}
}

// unknown is n bytes of which nothing is known.
//
//go:noinline
func unknown(n int) value { return value{make([]byte, n), make([]byte, n)} }

// isKnown reports whether every bit is.
func (v value) isKnown() bool {
	for _, k := range v.known {
		if k != 0xff {
			return false
		}
	}
	return true
}

// part is the n bytes at an offset; what is beyond the end is not known.
//
//go:noinline
func (v value) part(offset, n int) value {
	p := unknown(n)
	if offset >= 0 && offset < len(v.data) {
		copy(p.data, v.data[offset:])
		copy(p.known, v.known[offset:])
	}
	return p
}

// equals compares with bytes that are known.
//
//go:noinline
func (v value) equals(b []byte) truth {
	answer := yes
	for i := range b {
		if i >= len(v.data) {
			return maybe
		}
		if (v.data[i]^b[i])&v.known[i] != 0 {
			return no
		}
		if v.known[i] != 0xff {
			answer = maybe
		}
	}
	return answer
}

// bounds are the lowest and the highest bytes that the value can be, as a big-endian number.
func (v value) bounds() (low, high []byte) {
	high = make([]byte, len(v.data))
	for i := range high {
		high[i] = v.data[i] | ^v.known[i]
	}
	return v.data, high
}

// less is whether the value is less than b, compared as nf_tables does: as big-endian numbers (memcmp).
func (v value) less(b []byte) truth {
	low, high := v.part(0, len(b)).bounds()
	switch {
	case bytes.Compare(high, b) < 0:
		return yes
	case bytes.Compare(low, b) >= 0:
		return no
	}
	return maybe
}

// compare is an expression cmp.
func (v value) compare(op nat.CmpOp, b []byte) truth {
	v = v.part(0, len(b))
	switch op {
	case nat.NFT_CMP_EQ:
		return v.equals(b)
	case nat.NFT_CMP_NEQ:
		return v.equals(b).not()
	case nat.NFT_CMP_LT:
		return v.less(b)
	case nat.NFT_CMP_GTE:
		return v.less(b).not()
	case nat.NFT_CMP_LTE:
		return v.atMost(b)
	case nat.NFT_CMP_GT:
		return v.atMost(b).not()
	}
	return maybe
}

// atMost is whether the value is b or less.
func (v value) atMost(b []byte) truth {
	low, high := v.bounds()
	switch {
	case bytes.Compare(high, b) <= 0:
		return yes
	case bytes.Compare(low, b) > 0:
		return no
	}
	return maybe
}

// within is whether the value is one from first to last.
func (v value) within(first, last []byte) truth {
	n := min(len(first), len(last))
	return v.part(0, n).compare(nat.NFT_CMP_GTE, first[:n]).and(v.part(0, n).compare(nat.NFT_CMP_LTE, last[:n]))
}

// masked is (v & mask) ^ xor. A bit that the mask clears is known, whatever it was.
func (v value) masked(mask, xor []byte) value {
	r := unknown(len(v.data))
	for i := range r.data {
		var m, x byte
		if i < len(mask) {
			m = mask[i]
		}
		if i < len(xor) {
			x = xor[i]
		}
		r.known[i] = v.known[i] | ^m
		r.data[i] = (v.data[i]&m ^ x) & r.known[i]
	}
	return r
}

// turned is the value with the bytes of each number of that size the other way round.
func (v value) turned(size int) value {
	r := unknown(len(v.data))
	for i := 0; size > 0 && i+size <= len(v.data); i += size {
		for j := range size {
			r.data[i+j], r.known[i+j] = v.data[i+size-1-j], v.known[i+size-1-j]
		}
	}
	return r
}

// anyOf is whether one of the bits of mask is set in n, of which the bits in known are known.
//
//go:noinline
func anyOf(n, known, mask uint32) truth {
	switch {
	case n&known&mask != 0:
		return yes
	case bits.OnesCount32(mask&^known) > 0:
		return maybe
	}
	return no
}

// registerBytes is what nf_tables has of registers: NFT_REG32_COUNT of 4 bytes.
const registerBytes = 64

// registers are those of nf_tables. Several names mean the same bytes.
type registers struct{ value }

// forget makes all of them unknown.
func (r *registers) forget() { r.value = unknown(registerBytes) }

// place is where a register begins: -1 for the verdict's, and for what is none.
func place(r nat.Register) int {
	switch {
	case r >= nat.NFT_REG_1 && r <= nat.NFT_REG_4:
		return int(r-nat.NFT_REG_1) * 16
	case r >= nat.NFT_REG32_00 && r < nat.NFT_REG32_00+registerBytes/4:
		return int(r-nat.NFT_REG32_00) * 4
	}
	return -1
}

// load is the n bytes in a register and those after it.
//
//go:noinline
func (r *registers) load(from nat.Register, n uint32) value {
	return r.part(place(from), int(min(n, registerBytes)))
}

// store puts a value into a register, and zeros behind it up to a multiple of 4 bytes as the kernel does.
func (r *registers) store(to nat.Register, v value) {
	at := place(to)
	if at < 0 {
		return
	}
	for i := range min((len(v.data)+3)&^3, registerBytes-at) {
		r.data[at+i], r.known[at+i] = 0, 0xff
		if i < len(v.data) {
			r.data[at+i], r.known[at+i] = v.data[i], v.known[i]
		}
	}
}
