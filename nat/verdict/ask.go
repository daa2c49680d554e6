package verdict

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"plumb/nat"
)

// A Container is whose packets are asked about: one that is attached, or one that could be.
type Container struct {
	Link Link  // the host's end; its group is plumb's
	Ways []Way // for each address of the container, and each uplink
}

// A Way is by what a container reaches the internet.
type Way struct {
	Addr, Gateway netip.Addr
	Uplink        Link       // without a name: no way out
	UplinkAddr    netip.Addr // the host's address there, of Addr's family; the zero Addr where it is not known
}

// Where the packets go to or come from that are asked about. Nothing is sent: any addresses of the internet would do, other than
// those kept for documentation, which firewalls drop.
func somewhere4() netip.Addr { return netip.AddrFrom4([4]byte{8, 8, 8, 8}) }

func somewhere6() netip.Addr {
	return netip.AddrFrom16([16]byte{0x20, 0x01, 0x48, 0x60, 0x48, 0x60, 14: 0x88, 15: 0x88})
}

// somePort is one that no service has, and published is one that a container may have.
const (
	somePort  = 40000
	published = 8080
	dns       = 53
)

// The ways of packets through the hooks.
var (
	forwarded = []nat.HookNum{nat.NF_INET_PRE_ROUTING, nat.NF_INET_FORWARD, nat.NF_INET_POST_ROUTING}
	received  = []nat.HookNum{nat.NF_INET_PRE_ROUTING, nat.NF_INET_LOCAL_IN}
	sent      = []nat.HookNum{nat.NF_INET_LOCAL_OUT, nat.NF_INET_POST_ROUTING}
)

// Packets are the packets that a container lives on.
func (c *Container) Packets() []Packet {
	var all []Packet
	add := func(what string, p Packet) {
		p.What = what + " (" + p.protocolName() + " over IPv4)"
		if p.family() == nat.NFPROTO_IPV6 {
			p.What = what + " (" + p.protocolName() + " over IPv6)"
		}
		all = append(all, p)
	}
	for i := range c.Ways {
		w := &c.Ways[i]
		if w.Uplink.Name != "" {
			c.outside(w, add)
		}
		c.neighbour(w, add)
		c.host(w, add)
	}
	return all
}

// outside is what goes to the internet, and what comes from there.
func (c *Container) outside(w *Way, add func(string, Packet)) {
	there, icmp, request, reply := somewhere4(), uint8(unix.IPPROTO_ICMP), uint16(8), uint16(0)
	if w.Addr.Is6() {
		there, icmp, request, reply = somewhere6(), unix.IPPROTO_ICMPV6, 128, 129
	}
	for _, proto := range []uint8{unix.IPPROTO_TCP, unix.IPPROTO_UDP, icmp} {
		out := Packet{Kind: FromContainer, Way: forwarded, In: c.Link, Out: w.Uplink, Src: w.Addr, Dst: there, Proto: proto, SrcPort: somePort, DstPort: 443}
		back := Packet{Kind: Answer, Way: forwarded, In: w.Uplink, Out: c.Link, Src: there, Dst: w.Addr, Proto: proto, SrcPort: 443, DstPort: somePort, Reply: true}
		if proto == icmp {
			out.SrcPort, out.DstPort, back.SrcPort, back.DstPort = request, 0, reply, 0
		}
		add("from the container to the internet", out)
		add("answers from the internet", back)
		if proto == icmp || !w.UplinkAddr.IsValid() {
			continue
		}
		add("from the internet to a published port", Packet{
			Kind: Published, Way: forwarded, In: w.Uplink, Out: c.Link, Src: there, Dst: w.Addr, Proto: proto, SrcPort: somePort, DstPort: 80,
			Before: netip.AddrPortFrom(w.UplinkAddr, published),
		})
	}
}

// neighbour is what goes to another container.
func (c *Container) neighbour(w *Way, add func(string, Packet)) {
	other := Link{Name: "pl-other", Group: c.Link.Group}
	add("from one container to another", Packet{
		Kind: FromContainer, Way: forwarded, In: c.Link, Out: other, Src: w.Addr, Dst: w.Addr.Next(), Proto: unix.IPPROTO_TCP, SrcPort: somePort, DstPort: 80,
	})
}

// host is what goes to the host, to its name server, and what comes from it.
func (c *Container) host(w *Way, add func(string, Packet)) {
	if !w.Gateway.IsValid() {
		return
	}
	for _, proto := range []uint8{unix.IPPROTO_UDP, unix.IPPROTO_TCP} {
		add("name resolution by the gateway", Packet{
			Kind: ToHost, Way: received, In: c.Link, Src: w.Addr, Dst: w.Gateway, Proto: proto, SrcPort: somePort, DstPort: dns, ToHost: true,
		})
	}
	add("answers of the gateway's name server", Packet{
		Kind: FromHost, Way: sent, Out: c.Link, Src: w.Gateway, Dst: w.Addr, Proto: unix.IPPROTO_UDP, SrcPort: dns, DstPort: somePort, FromHost: true, Reply: true,
	})
	add("from the host to the container", Packet{
		Kind: FromHost, Way: sent, Out: c.Link, Src: w.Gateway, Dst: w.Addr, Proto: unix.IPPROTO_TCP, SrcPort: somePort, DstPort: 80, FromHost: true,
	})
}

// A Problem is a base chain of another firewall's that drops a container's packets, or may.
type Problem struct {
	Owner    string // whose rules they are: Docker, ufw, firewalld, iptables, nftables
	Family   nat.Family
	Table    string
	Chain    string   // the base chain
	Drops    []Drop   // its certain ones first
	Certain  bool     // one of them is
	Commands []string // what lets the packets pass, each a line for a shell
	Note     string   // what there is to say where no command does
}

// Explain asks about all packets of a container: what of other firewalls' is in its way. The first thing it does is what Quick does,
// and that is all where there are no others. The error is that of a rule that could not be read; what was found is there nevertheless.
func Explain(c *nat.Conn, who Container) ([]Problem, error) {
	some, err := Quick(c)
	if err != nil || !some {
		return nil, err
	}
	rs, err := Read(c)
	if err != nil {
		return nil, err
	}
	return rs.Explain(who)
}

// Explain asks about all packets of a container.
func (rs *Ruleset) Explain(who Container) ([]Problem, error) {
	var all []Problem
	packets := who.Packets()
	for i := range packets {
		drops, err := rs.Ask(&packets[i])
		if err != nil {
			return all, err
		}
		for _, d := range drops {
			p := problemOf(&all, &d)
			if d.Certain && !p.Certain {
				p.Certain, p.Drops = true, append([]Drop{d}, p.Drops...)
			} else {
				p.Drops = append(p.Drops, d)
			}
		}
	}
	for i := range all {
		rs.mend(&all[i], &who)
	}
	return all, nil
}

// problemOf is the problem of a drop's base chain.
func problemOf(all *[]Problem, d *Drop) *Problem {
	for i := range *all {
		if p := &(*all)[i]; p.Family == d.Family && p.Table == d.Table && p.Chain == d.Base {
			return p
		}
	}
	*all = append(*all, Problem{Family: d.Family, Table: d.Table, Chain: d.Base})
	return &(*all)[len(*all)-1]
}

// String is the problem in one line.
func (p *Problem) String() string {
	verb := "may drop"
	if p.Certain {
		verb = "drops"
	}
	return p.Owner + ": chain " + p.Chain + " of table " + p.Family.String() + " " + p.Table + " " + verb +
		" packets: " + p.Drops[0].Packet.What + ", by " + p.Drops[0].where()
}

// where is the rule, for people.
func (d *Drop) where() string {
	if d.Handle == 0 {
		return "its " + d.Rule[:len("policy")]
	}
	return "its rule '" + d.Rule + "'" + inChain(d)
}

// inChain names the chain of a rule where that is not the base chain.
func inChain(d *Drop) string {
	if d.Chain == d.Base {
		return ""
	}
	return " in chain " + d.Chain
}

// Warn is what a user should be told in one line, or "" where nothing is dropped for certain. It is Explain up to the first such drop: one
// message where there are no other firewalls.
func Warn(c *nat.Conn, who Container) (string, error) {
	some, err := Quick(c)
	if err != nil || !some {
		return "", err
	}
	rs, err := Read(c)
	if err != nil {
		return "", err
	}
	packets := who.Packets()
	for i := range packets {
		drops, err := rs.Ask(&packets[i])
		if err != nil {
			return "", err
		}
		for _, d := range drops {
			if d.Certain {
				p := Problem{Family: d.Family, Table: d.Table, Chain: d.Base, Drops: []Drop{d}, Certain: true}
				rs.mend(&p, &who)
				return p.String() + "; plumb doctor says how to mend it", nil
			}
		}
	}
	return "", nil
}
