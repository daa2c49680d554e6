package nat

import (
	"encoding/binary"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/mdlayher/netlink"
)

// learn remembers a set.
func (w *commander) learn(s *Set) {
	if w.sets == nil {
		w.sets = map[setName]*Set{}
	}
	w.sets[setName{w.namespace, s.Family, s.Table, s.Name}] = s
}

// known is a set that was seen, or one that plumb makes; nil where it is neither.
func (w *commander) known(f Family, table, name string) *Set {
	if s := w.sets[setName{w.namespace, f, table, name}]; s != nil {
		return s
	}
	if f != NFPROTO_INET || table != TableName {
		return nil
	}
	if w.own == nil {
		w.own = map[string]*Set{}
		for _, s := range sets() {
			w.own[s.Name] = &s
		}
	}
	return w.own[name]
}

// kind is nft's word for a set.
func (s *Set) kind() string {
	if s != nil && s.Flags&NFT_SET_MAP != 0 {
		return "map"
	}
	return "set"
}

func (w *commander) set(typ uint16, s *Set) (string, bool) {
	kind := w.known(s.Family, s.Table, s.Name).kind()
	where := w.where(s.Family, s.Table, s.Name)
	switch typ {
	case getSet.Type:
		switch {
		case !w.has(netlink.Dump):
			return "list " + kind + " " + where, true
		case s.Table != "":
			return "list sets table " + where, true
		}
		return list("sets", s.Family), true
	case delSet.Type, destroySet.Type:
		return removal(typ == destroySet.Type) + " " + kind + " " + where, s.Name != ""
	}
	inside, ok := s.block()
	return w.verb() + " " + kind + " " + where + block(inside), ok
}

// block is what a set is.
func (s *Set) block() (inside []string, ok bool) {
	what := "type " + s.KeyType.String()
	ok = s.KeyType.length() == int(s.KeyLen) && s.Name != "" && s.Unknown == nil
	if s.Flags&NFT_SET_MAP != 0 {
		what += " : " + s.DataType.String()
		ok = ok && (s.DataType == TypeVerdict || s.DataType.length() == int(s.DataLen))
	}
	inside = append(inside, what)
	if flags := s.Flags & (NFT_SET_CONSTANT | NFT_SET_INTERVAL | NFT_SET_TIMEOUT | NFT_SET_EVAL); flags != 0 {
		inside = append(inside, "flags "+flags.String())
	}
	if s.Flags&(NFT_SET_ANONYMOUS|NFT_SET_OBJECT) != 0 {
		return nil, false
	}
	if s.Timeout != 0 {
		inside = append(inside, "timeout "+duration(s.Timeout))
	}
	if s.GCInterval != 0 {
		inside = append(inside, "gc-interval "+duration(uint64(s.GCInterval)))
	}
	if s.Policy != NFT_SET_POL_PERFORMANCE {
		inside = append(inside, "policy "+s.Policy.String())
	}
	if s.Desc != nil && s.Desc.Size != 0 {
		inside = append(inside, "size "+decimal(s.Desc.Size))
	}
	if s.Expression != nil {
		t := texter{exact: true}
		t.expression(s.Expression)
		inside, ok = append(inside, strings.Join(t.words, " ")), ok && t.exact
	}
	if text := s.UserData.SetComment(); text != "" {
		c, plain := comment(text)
		inside, ok = append(inside, c), ok && plain
	}
	return inside, ok
}

// duration is a time in milliseconds as nft reads it.
func duration(ms uint64) string {
	if ms%1000 == 0 {
		return strconv.FormatUint(ms/1000, 10) + "s"
	}
	return (time.Duration(ms/1000) * time.Second).String() + strconv.FormatUint(ms%1000, 10) + "ms"
}

func (w *commander) elements(typ uint16, l *ElementList) (string, bool) {
	s := w.known(l.Family, l.Table, l.Set)
	where := w.where(l.Family, l.Table, l.Set)
	verb := w.verb()
	switch typ {
	case getSetElem.Type:
		if verb = "get"; w.has(netlink.Dump) {
			return "list " + s.kind() + " " + where, true
		}
		if len(l.Elements) != 1 {
			return "", false
		}
	case delSetElem.Type, destroySetElem.Type:
		if verb = removal(typ == destroySetElem.Type); len(l.Elements) == 0 {
			return "flush " + s.kind() + " " + where, typ == delSetElem.Type
		}
	}
	if s == nil || s.Flags&NFT_SET_ANONYMOUS != 0 || len(l.Elements) == 0 || l.Unknown != nil {
		return "", false
	}
	texts, ok := s.elements(l.Elements)
	return verb + " element " + where + " { " + strings.Join(texts, ", ") + " }", ok
}

// elements are elements as nft reads them. In a set of intervals the end of one is an element of its own.
func (s *Set) elements(elements []Element) (texts []string, ok bool) {
	for i := 0; i < len(elements); i++ {
		e := elements[i]
		if e.Flags == NFT_SET_ELEM_INTERVAL_END && e.Key != nil && isZero(e.Key.Value) {
			continue // nft begins a set of intervals with the end of what is before the first
		}
		if s.Flags&NFT_SET_INTERVAL != 0 && e.KeyEnd == nil && e.Flags == 0 {
			end := []byte(nil)
			if i+1 < len(elements) && elements[i+1].Flags == NFT_SET_ELEM_INTERVAL_END && elements[i+1].Key != nil {
				i++
				end = elements[i].Key.Value
			}
			if !e.closeInterval(end) {
				return nil, false
			}
		}
		text, whole := s.element(&e)
		if !whole {
			return nil, false
		}
		texts = append(texts, text)
	}
	return texts, true
}

// closeInterval gives an element of a set of intervals its last key: the one before the end, or the last that there is.
func (e *Element) closeInterval(end []byte) bool {
	if e.Key == nil {
		return false
	}
	last := make([]byte, len(e.Key.Value))
	if end != nil && len(end) != len(last) {
		return false
	}
	copy(last, end)
	for i := len(last) - 1; i >= 0; i-- { // less 1; without an end, 0 less 1
		last[i]--
		if last[i] != 0xff {
			break
		}
	}
	e.KeyEnd = &Data{Value: last}
	return true
}

func (s *Set) element(e *Element) (text string, ok bool) {
	switch {
	case e.Flags == NFT_SET_ELEM_CATCHALL:
		text = "*"
	case e.Flags != 0 || e.Key == nil:
		return "", false
	default:
		last := []byte(nil)
		if e.KeyEnd != nil {
			last = e.KeyEnd.Value
		}
		if text, ok = s.KeyType.write(e.Key.Value, last); !ok {
			return "", false
		}
	}
	if e.Expressions != nil || e.Object != "" || e.Unknown != nil {
		return "", false
	}
	if e.Expression != nil {
		t := texter{exact: true}
		t.expression(e.Expression)
		if !t.exact {
			return "", false
		}
		text += " " + strings.Join(t.words, " ")
	}
	if e.Timeout != 0 {
		text += " timeout " + duration(e.Timeout)
	}
	if c := e.UserData.Comment(); c != "" {
		c, plain := comment(c)
		if !plain {
			return "", false
		}
		text += " " + c
	}
	if e.Data == nil {
		return text, true
	}
	if v := e.Data.Verdict; v != nil {
		return text + " : " + v.String(), v.Chain == "" || isName(v.Chain)
	}
	data, ok := s.DataType.write(e.Data.Value, nil)
	return text + " : " + data, ok
}

// parts are the types of a concatenation, or the one.
func (t DataType) parts() []DataType {
	if t>>typeBits == 0 {
		return []DataType{t}
	}
	return append((t >> typeBits).parts(), t&(1<<typeBits-1))
}

// size is how many bytes a value of a type has; 0 where it is not known.
func (t DataType) size() int {
	switch t {
	case TypeIPv4Addr, TypeMark:
		return 4
	case TypeIPv6Addr, TypeIfName:
		return 16
	case TypeInetProto:
		return 1
	case TypeInetService:
		return 2
	case typeEtherAddr:
		return 6
	}
	return 0
}

// length is how many bytes a key of a type has: each part of a concatenation takes a multiple of 4. -1 where it is not known.
func (t DataType) length() int {
	parts, n := t.parts(), 0
	for _, p := range parts {
		size := p.size()
		switch {
		case size == 0:
			return -1
		case len(parts) > 1:
			size = (size + 3) &^ 3
		}
		n += size
	}
	return n
}

// write is a value as nft reads it, or an interval where last is not nil.
func (t DataType) write(first, last []byte) (text string, ok bool) {
	if len(first) != t.length() || last != nil && len(last) != len(first) {
		return "", false
	}
	var texts []string
	for _, p := range t.parts() {
		n := p.size()
		text := p.value(first[:n])
		if last != nil {
			text = p.interval(first[:n], last[:n])
			last = last[min((n+3)&^3, len(last)):]
		}
		if p == TypeIfName && strings.ContainsAny(ifNameOf(first[:n]), "\"\n") {
			return "", false
		}
		texts = append(texts, text)
		first = first[min((n+3)&^3, len(first)):]
	}
	return strings.Join(texts, " . "), true
}

// value is one part.
func (t DataType) value(b []byte) string {
	switch t {
	case TypeIPv4Addr, TypeIPv6Addr:
		return addrOf(b).String()
	case TypeIfName:
		return `"` + ifNameOf(b) + `"`
	case TypeInetProto:
		return protocolName(b[0])
	case TypeInetService:
		return strconv.Itoa(int(binary.BigEndian.Uint16(b)))
	case TypeMark:
		return "0x" + strconv.FormatUint(uint64(binary.NativeEndian.Uint32(b)), 16)
	}
	return net.HardwareAddr(b).String()
}

// interval is a prefix where it is one, or else both ends.
func (t DataType) interval(first, last []byte) string {
	if string(first) == string(last) {
		return t.value(first)
	}
	if a, b := addrOf(first), addrOf(last); t == TypeIPv4Addr || t == TypeIPv6Addr {
		if p := (span{first: a, last: b}).prefix(); p.IsValid() {
			return p.String()
		}
	}
	return t.value(first) + "-" + t.value(last)
}
