package verdict

import (
	"plumb/nat"
)

// one is a list of one verdict.
//
//go:noinline
func one(code nat.VerdictCode) []*nat.Verdict { return []*nat.Verdict{{Code: code}} }

// expression runs one expression: whether the rule goes on after it, and the verdict if it has one.
func (w *walker) expression(e *nat.Expr) (truth, []*nat.Verdict) {
	switch d := e.Data.(type) {
	case *nat.Meta:
		return w.meta(d), nil
	case *nat.Payload:
		return w.payload(d), nil
	case *nat.CT:
		return w.ct(d), nil
	case *nat.FIB:
		w.registers.store(d.Dest, w.fib(d))
	case *nat.Bitwise:
		w.bitwise(d)
	case *nat.ByteOrder:
		w.registers.store(d.Dest, w.byteOrder(d))
	case *nat.Cmp:
		return w.cmp(d), nil
	case *nat.Range:
		return w.inRange(d), nil
	case *nat.Immediate:
		return w.immediate(d)
	case *nat.Lookup:
		return w.lookup(d)
	case *nat.Match:
		return w.match(d), nil
	case *nat.Target:
		return w.target(d)
	case *nat.Reject:
		return yes, one(nat.NF_DROP)
	case *nat.NAT, *nat.Masq, *nat.Redir:
		return yes, one(nat.NF_ACCEPT)
	case *nat.Counter, *nat.Log, *nat.Last:
	case *nat.ObjRef:
		if d.Type != nat.NFT_OBJECT_COUNTER && d.Type != nat.NFT_OBJECT_CT_HELPER {
			return maybe, nil
		}
	case *nat.Limit, *nat.Quota:
		return maybe, nil // it depends on what else has come by
	default:
		return w.other(e.Name)
	}
	return yes, nil
}

// other is an expression that package nat knows by its name alone.
func (w *walker) other(name string) (truth, []*nat.Verdict) {
	switch name {
	case "notrack":
		w.doNotTrack()
		return yes, nil
	case "queue":
		return yes, one(verdictQueue)
	case "tproxy", "dup", "flow_offload":
		return yes, nil
	case "fwd", "synproxy":
		return maybe, one(nat.NF_DROP) // the packet goes another way
	}
	// Those that load a register, such as socket, rt, exthdr, hash and numgen, those that keep count, and those of a later kernel.
	w.registers.forget()
	return maybe, nil
}

func (w *walker) bitwise(b *nat.Bitwise) {
	v := w.registers.load(b.Source, b.Len)
	if b.Op == nat.NFT_BITWISE_MASK_XOR && b.Mask != nil && b.Xor != nil {
		v = v.masked(b.Mask.Value, b.Xor.Value)
	} else {
		v = unknown(len(v.data))
	}
	w.registers.store(b.Dest, v)
}

// byteOrder turns numbers round where the host's order is not the network's.
func (w *walker) byteOrder(b *nat.ByteOrder) value {
	v := w.registers.load(b.Source, b.Len)
	if nat.Host32(1)[0] == 0 {
		return v
	}
	return v.turned(int(min(b.Size, registerBytes)))
}

func (w *walker) cmp(c *nat.Cmp) truth {
	if c.Data == nil || place(c.Source) < 0 {
		return maybe
	}
	return w.registers.load(c.Source, uint32(len(c.Data.Value))).compare(c.Op, c.Data.Value)
}

func (w *walker) inRange(r *nat.Range) truth {
	if r.From == nil || r.To == nil || place(r.Source) < 0 {
		return maybe
	}
	v := w.registers.load(r.Source, uint32(len(r.From.Value)))
	return v.within(r.From.Value, r.To.Value).notIf(r.Op == nat.NFT_RANGE_NEQ)
}

func (w *walker) immediate(i *nat.Immediate) (truth, []*nat.Verdict) {
	switch {
	case i.Data == nil:
		return maybe, nil
	case i.Dest == nat.NFT_REG_VERDICT && i.Data.Verdict != nil:
		return yes, []*nat.Verdict{i.Data.Verdict}
	}
	w.registers.store(i.Dest, known(i.Data.Value))
	return yes, nil
}

// lookup asks whether a key is in a set, and what a map has for it.
func (w *walker) lookup(l *nat.Lookup) (truth, []*nat.Verdict) {
	s := w.rules.set(w.base.Family, w.base.Table, l.Set)
	if s == nil {
		return w.lost(l)
	}
	key := w.registers.load(l.Source, s.KeyLen)
	if !key.isKnown() {
		return w.lookupUnknown(l, s)
	}
	e, err := w.rules.element(s, key.data)
	switch {
	case err != nil:
		return w.lost(l)
	case e == nil:
		return truthOf(l.Flags&nat.NFT_LOOKUP_F_INV != 0), nil
	case l.Dest == nil:
		return truthOf(l.Flags&nat.NFT_LOOKUP_F_INV == 0), nil
	case e.Data == nil:
		return w.lost(l)
	case e.Data.Verdict != nil:
		return yes, []*nat.Verdict{e.Data.Verdict}
	}
	w.registers.store(*l.Dest, known(e.Data.Value))
	return yes, nil
}

// lookupUnknown is a lookup of a key that is not known: of a map of verdicts, all are possible.
func (w *walker) lookupUnknown(l *nat.Lookup, s *nat.Set) (truth, []*nat.Verdict) {
	if s.DataType != nat.TypeVerdict {
		return w.lost(l)
	}
	if all, ok := w.rules.verdicts(s); ok {
		return maybe, all
	}
	return w.lost(l)
}

// lost is a lookup that leads nobody knows where. A verdict that is not known may be the worst.
func (w *walker) lost(l *nat.Lookup) (truth, []*nat.Verdict) {
	if l.Dest == nil {
		return maybe, nil
	}
	if *l.Dest == nat.NFT_REG_VERDICT {
		return maybe, one(nat.NF_DROP)
	}
	w.registers.store(*l.Dest, unknown(16))
	return maybe, nil
}
