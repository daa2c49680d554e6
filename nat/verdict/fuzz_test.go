package verdict_test

import (
	"net/netip"
	"testing"

	"plumb/nat"
	"plumb/nat/verdict"
	"plumb/rtnl/wire"
)

// offline is a container that is nowhere.
func offline() verdict.Container {
	uplink := verdict.Link{Name: "uplink0", Index: 2}
	return verdict.Container{
		Link: verdict.Link{Name: "pl-web", Index: 9, Group: nat.Group},
		Ways: []verdict.Way{
			{Addr: netip.MustParseAddr(box4), Gateway: netip.MustParseAddr(gateway4), Uplink: uplink, UplinkAddr: netip.MustParseAddr("203.0.113.2")},
			{Addr: netip.MustParseAddr(box6), Gateway: netip.MustParseAddr(gateway6), Uplink: uplink, UplinkAddr: netip.MustParseAddr("2001:db8::2")},
		},
	}
}

// script makes expressions of bytes: whatever a kernel might send, and more.
type script []byte

func (s *script) next() uint32 {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return uint32(b)
}

func (s *script) data() *nat.Data {
	n := min(int(s.next()), len(*s))
	d := &nat.Data{Value: (*s)[:n]}
	*s = (*s)[n:]
	if n == 1 {
		return nil
	}
	return d
}

func (s *script) register() nat.Register { return nat.Register(s.next() % 26) }

func (s *script) verdict() *nat.Data {
	codes := [...]nat.VerdictCode{nat.NF_DROP, nat.NF_ACCEPT, nat.NFT_JUMP, nat.NFT_GOTO, nat.NFT_RETURN, nat.NFT_CONTINUE, 3, 77}
	return &nat.Data{Verdict: &nat.Verdict{Code: codes[s.next()%8], Chain: string(rune('a' + s.next()%4))}}
}

func (s *script) expression() nat.Expr {
	switch s.next() % 16 {
	case 0:
		return nat.Exprs(&nat.Meta{Dest: s.register(), Key: nat.MetaKey(s.next()), Source: s.register()})[0]
	case 1:
		return nat.Exprs(&nat.Payload{Dest: s.register(), Base: nat.PayloadBase(s.next()), Offset: s.next() * s.next(), Len: s.next() << s.next()})[0]
	case 2:
		return nat.Exprs(&nat.CT{Dest: s.register(), Key: nat.CTKey(s.next()), Source: s.register()})[0]
	case 3:
		return nat.Exprs(&nat.FIB{Dest: s.register(), Result: nat.FIBResult(s.next()), Flags: nat.FIBFlags(s.next())})[0]
	case 4:
		return nat.Exprs(&nat.Bitwise{Source: s.register(), Dest: s.register(), Len: s.next() << s.next(), Mask: s.data(), Xor: s.data(), Op: nat.BitwiseOp(s.next() % 3)})[0]
	case 5:
		return nat.Exprs(&nat.ByteOrder{Source: s.register(), Dest: s.register(), Len: s.next(), Size: s.next()})[0]
	case 6:
		return nat.Exprs(&nat.Cmp{Source: s.register(), Op: nat.CmpOp(s.next() % 8), Data: s.data()})[0]
	case 7:
		return nat.Exprs(&nat.Range{Source: s.register(), Op: nat.RangeOp(s.next() % 3), From: s.data(), To: s.data()})[0]
	case 8:
		to := s.register()
		return nat.Exprs(&nat.Lookup{Set: "s", Source: s.register(), Dest: &to, Flags: nat.LookupFlags(s.next())})[0]
	case 9, 10:
		return nat.Exprs(&nat.Immediate{Dest: nat.NFT_REG_VERDICT, Data: s.verdict()})[0]
	case 11:
		return nat.Exprs(&nat.Immediate{Dest: s.register(), Data: s.data()})[0]
	case 12:
		return nat.Exprs(&nat.Match{Name: extensions[s.next()%uint32(len(extensions))], Revision: s.next() % 5, Info: s.bytes()})[0]
	case 13:
		return nat.Exprs(&nat.Target{Name: targets[s.next()%uint32(len(targets))], Revision: s.next() % 5, Info: s.bytes()})[0]
	case 14:
		return nat.Exprs(&nat.Reject{})[0]
	}
	names := [...]string{"notrack", "queue", "socket", "fwd", "tomorrow"}
	return nat.Expr{Name: names[s.next()%5], Data: wire.Raw{}}
}

func (s *script) bytes() []byte {
	if d := s.data(); d != nil {
		return d.Value
	}
	return nil
}

var extensions = []string{
	"comment", "conntrack", "state", "addrtype", "tcp", "udp", "multiport", "icmp", "icmp6", "mark", "connmark", "devgroup", "iprange",
	"physdev", "pkttype", "rt", "rpfilter", "tomorrow",
}

var targets = []string{"REJECT", "MASQUERADE", "NFQUEUE", "MARK", "CONNMARK", "NOTRACK", "CT", "LOG", "TOMORROW"}

// Whatever the rules are, the walk ends and says something about them that can be read.
func FuzzRules(f *testing.F) {
	f.Add([]byte{3, 0, 1, 6, 0, 6, 1, 0, 4, 'e', 't', 'h', '0', 9, 0, 0})
	f.Add([]byte("\x01\x09\x02\x01\x02\x0c\x01\x02\xa4iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := script(b)
		chains := map[string][]nat.Rule{}
		for n := 0; len(s) > 0 && n < 64; n++ {
			name := string(rune('a' + s.next()%4))
			r := nat.Rule{Header: nat.Header{Family: nat.Family(s.next() % 11)}, Chain: name, Handle: uint64(n + 1)}
			for range s.next() % 6 {
				r.Expressions = append(r.Expressions, s.expression())
			}
			r.Text()
			chains[name] = append(chains[name], r)
		}
		from := forwardTo(chains)
		from.elements = []nat.Element{{Data: s.verdict()}, {Data: s.verdict()}}
		rs, err := verdict.ReadFrom(from)
		if err != nil {
			t.Fatal(err)
		}
		who := offline()
		packets := who.Packets()
		for _, i := range []int{0, 1, len(packets) / 2} {
			if _, err := rs.Ask(&packets[i]); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// The payload of an extension is whatever the kernel has: none is too short or too long.
func FuzzExtension(f *testing.F) {
	for i := range extensions {
		f.Add(byte(i), uint32(1), make([]byte, 164))
		f.Add(byte(i), uint32(3), []byte{1})
	}
	who := offline()
	packets := who.Packets()
	f.Fuzz(func(t *testing.T, which byte, revision uint32, b []byte) {
		for _, name := range []string{extensions[int(which)%len(extensions)], targets[int(which)%len(targets)]} {
			m := &nat.Match{Name: name, Revision: revision, Info: b}
			for i := range packets {
				verdict.MatchInfo(m, &packets[i])
			}
			(&nat.Rule{Expressions: nat.Exprs(m)}).Text()
		}
	})
}
