package doctor

import (
	"net/netip"
	"slices"
	"strings"

	"plumb/nat"
	"plumb/nat/verdict"
	"plumb/rtnl"
)

// someContainer is one that might be attached to the host: to one of plumb's usual networks, at the end of which no container is soon.
func (d *doctor) someContainer() verdict.Container {
	c := verdict.Container{Link: verdict.Link{Name: "pl-some", Group: nat.Group}}
	for _, f := range []rtnl.Family{rtnl.IPv4, rtnl.IPv6} {
		w := verdict.Way{Addr: netip.AddrFrom4([4]byte{10, 0, 0, 250}), Gateway: netip.AddrFrom4([4]byte{10, 0, 0, 1})}
		if f == rtnl.IPv6 {
			net6 := [16]byte{0xfd, 0x70, 0x6c, 0x75, 0x6d, 0x62}
			addr, gateway := net6, net6
			addr[15], gateway[15] = 0xfa, 1
			w = verdict.Way{Addr: netip.AddrFrom16(addr), Gateway: netip.AddrFrom16(gateway)}
		}
		out := false
		for _, u := range d.ups {
			if u.family == f {
				out = true
				w.Uplink, w.UplinkAddr = verdict.Link{Name: u.link.Name, Index: u.link.Index, Group: u.link.Group}, u.addr
				c.Ways = append(c.Ways, w)
			}
		}
		if !out {
			c.Ways = append(c.Ways, w)
		}
	}
	return c
}

// firewalls asks what others' rules would do to a container's packets.
func (d *doctor) firewalls() {
	d.group = "firewalls"
	problems, err := verdict.Explain(d.nat, d.someContainer())
	if err != nil {
		d.unseen("nftables", err)
	}
	for i := range problems {
		p := &problems[i]
		status := Warning
		if p.Certain {
			status = Problem
		}
		mend := lines(p.Commands)
		if p.Note != "" {
			mend = p.Note
		}
		d.add(p.Owner+", chain "+p.Chain+" of table "+p.Family.String()+" "+p.Table, status, drops(p), mend)
	}
	if len(problems) == 0 && err == nil {
		d.ok("nftables", "no rule of others' drops what containers send and receive")
	}
}

// drops tells what is dropped, and by what: a line for each rule.
func drops(p *verdict.Problem) string {
	var rules, texts []string
	for _, drop := range p.Drops {
		rule := drop.Rule
		if drop.Handle != 0 {
			rule = "'" + rule + "' in chain " + drop.Chain
		}
		if !drop.Certain {
			rule += " may drop: "
		} else {
			rule += " drops: "
		}
		rule = strings.Replace(rule, "policy drop drops", "policy drop", 1)
		what, _, _ := strings.Cut(drop.Packet.What, " (")
		at := slices.Index(rules, rule)
		if at < 0 {
			rules, texts = append(rules, rule), append(texts, rule+what)
		} else if !strings.Contains(texts[at], what) {
			texts[at] += ", " + what
		}
	}
	return strings.Join(texts, "\n")
}

// legacy tells of rules that cannot be read by nftables.
func (d *doctor) legacy() {
	d.group = "firewalls"
	var four, six []string
	if err := d.inHost(func() error { four, six = verdict.Legacy(); return nil }); err != nil {
		d.unseen("legacy iptables", err)
		return
	}
	for _, l := range []struct {
		tables  []string
		program string
	}{{four, "iptables-legacy"}, {six, "ip6tables-legacy"}} {
		if len(l.tables) > 0 {
			d.add(l.program, Warning, "there are tables of the old kind, whose rules cannot be read here: "+strings.Join(l.tables, ", "), l.program+"-save shows them; "+l.program+" -I FORWARD -i pl-+ -j ACCEPT and -o pl-+ let containers' packets pass")
		}
	}
}
