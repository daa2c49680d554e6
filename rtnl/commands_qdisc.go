package rtnl

import (
	"fmt"
	"math"
	"strconv"
)

// qdisc is the command of a message about a queueing discipline.
func (w *commander) qdisc(typ uint16, q *Qdisc) []string {
	index, parent, handle := take(&q.Index), take(&q.Parent), take(&q.Handle)
	if typ == getQdisc.Type {
		s := command{"tc", "qdisc", "show"}
		if index != 0 {
			s.say("dev", w.name(index))
		}
		return said(&qdiscTable, q, s)
	}
	verb := w.verb()
	if typ == delQdisc.Type {
		verb = "del"
	}
	s := command{"tc", "qdisc", verb, "dev", w.name(index)}
	switch parent {
	case QdiscRoot:
		s.say("root")
	case QdiscIngress:
		return nil // ingress and clsact share it
	case 0:
	default:
		s.say("parent", fmt.Sprintf("%x:%x", uint32(parent)>>16, uint32(parent)&0xffff))
	}
	if handle != 0 {
		s.say("handle", fmt.Sprintf("%x:", uint32(handle)>>16))
	}
	kind := take(&q.Kind)
	if kind != "" {
		s.say(kind)
	}
	if t, isTBF := q.Options.(*TBF); isTBF {
		more := t.words()
		if more == nil {
			return nil
		}
		s, q.Options = append(s, more...), nil
	}
	return said(&qdiscTable, q, s)
}

// words are a tbf's parameters as tc reads them; nil where there are some that are not among them.
func (t *TBF) words() command {
	if t.Parms == nil {
		return nil
	}
	var s command
	s.say("rate", bitRate(t.BytesPerSecond()))
	s.number("burst", uint64(t.Burst))
	s.number("limit", uint64(t.Parms.Limit))
	left := *t.Parms
	left.Rate.Rate, left.Limit, left.Rate.LinkLayer = 0, 0, 0
	if left != (TBFParms{}) || t.Burst == 0 || t.PeakRate != 0 || t.PeakSize != 0 || t.Rest != nil {
		return nil
	}
	return s
}

// bitRate is a rate in bytes a second as tc reads it, in bits a second.
func bitRate(bytes uint64) string {
	if bytes > math.MaxUint64/8 {
		return strconv.FormatUint(bytes, 10) + "bps" // which is bytes a second
	}
	bits, unit := bytes*8, "bit"
	for _, larger := range []string{"kbit", "mbit", "gbit"} {
		if bits == 0 || bits%1000 != 0 {
			break
		}
		bits, unit = bits/1000, larger
	}
	return strconv.FormatUint(bits, 10) + unit
}
