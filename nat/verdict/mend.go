package verdict

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"plumb/nat"
)

// How a problem is mended: in the language of the tool that owns the rules, since a tool puts back what it does not know. An accept in
// a table of our own would not help: each base chain decides alone.

// mend says who owns a problem's rules, and what lets the packets pass.
func (rs *Ruleset) mend(p *Problem, who *Container) {
	base := rs.chain(p.Family, p.Table, p.Chain)
	m := &mender{rules: rs, problem: p, base: base, links: wildcard(who.Link.Name)}
	table := rs.table(p.Family, p.Table)
	switch {
	case p.Table == "firewalld" || m.has("FORWARD_IN_ZONES"):
		m.firewalld()
	case !isXT(base):
		m.nftables(table)
	case base.Hook.Num == nat.NF_INET_FORWARD && m.jumps(dockerUser):
		p.Owner = "Docker"
		m.iptables(dockerUser)
	case m.has("ufw-before-forward") || m.has("ufw6-before-forward"):
		m.ufw()
	default:
		p.Owner = "iptables"
		if m.has(dockerUser) {
			p.Owner = "Docker"
		}
		m.iptables(p.Chain)
	}
	if len(p.Commands) == 0 && p.Note == "" {
		p.Note = "no command is known that lets these packets alone pass: change the rule"
	}
}

// dockerUser is the chain that Docker leaves to its users, and comes to before its own rules.
const dockerUser = "DOCKER-USER"

// wildcard is what iptables, ufw and firewalld call all host ends: the names begin with pl- unless somebody has chosen another.
func wildcard(name string) string {
	if strings.HasPrefix(name, "pl-") {
		return "pl-+"
	}
	return name
}

// isXT reports whether a base chain is one that iptables-nft has made: a table and a chain of the old names, which no other tool may touch.
func isXT(c *nat.Chain) bool {
	names := [...]string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}
	tables := []string{"filter", "raw", "mangle", "nat", "security"}
	return c.Family != nat.NFPROTO_INET && int(c.Hook.Num) < len(names) && c.Name == names[c.Hook.Num] && slices.Contains(tables, c.Table)
}

// A mender finds the commands for one problem.
type mender struct {
	rules   *Ruleset
	problem *Problem
	base    *nat.Chain
	links   string
}

func (m *mender) say(command string) {
	if !slices.Contains(m.problem.Commands, command) {
		m.problem.Commands = append(m.problem.Commands, command)
	}
}

// has reports whether the table has a chain.
func (m *mender) has(chain string) bool {
	return m.rules.chain(m.problem.Family, m.problem.Table, chain) != nil
}

// jumps reports whether the base chain jumps to a chain for all packets.
func (m *mender) jumps(to string) bool {
	for _, r := range m.rules.rulesOf(m.base.Family, m.base.Table, m.base.Name) {
		for _, e := range r.Expressions {
			switch d := e.Data.(type) {
			case *nat.Counter:
				continue
			case *nat.Immediate:
				if d.Data != nil && d.Data.Verdict != nil && d.Data.Verdict.Code == nat.NFT_JUMP && d.Data.Verdict.Chain == to {
					return true
				}
			}
			break
		}
	}
	return false
}

// each calls f with every packet that is dropped.
func (m *mender) each(f func(p *Packet)) {
	for i := range m.problem.Drops {
		f(m.problem.Drops[i].Packet)
	}
}

// iptables inserts rules into a chain.
func (m *mender) iptables(chain string) {
	command := "iptables "
	if m.problem.Family == nat.NFPROTO_IPV6 {
		command = "ip6tables "
	}
	if m.problem.Table != "filter" {
		command += "-t " + m.problem.Table + " "
	}
	command += "-I " + chain + " "
	m.each(func(p *Packet) {
		if match := m.iptablesMatch(p); match != "" {
			m.say(command + match + " -j ACCEPT")
		}
	})
}

func (m *mender) iptablesMatch(p *Packet) string {
	const answers = "-m conntrack --ctstate RELATED,ESTABLISHED"
	switch hook := m.base.Hook.Num; {
	case hook == nat.NF_INET_POST_ROUTING && p.Kind == FromContainer: // there is no -i in this chain
		return "-s " + p.Src.String()
	case p.Kind == ToHost && hook == nat.NF_INET_LOCAL_IN:
		return "-i " + m.links + " -p " + p.protocolName() + " --dport 53"
	case p.Kind == FromContainer || p.Kind == ToHost:
		return "-i " + m.links
	case hook == nat.NF_INET_PRE_ROUTING && m.base.Hook.Priority <= priorityConntrack:
		return "" // neither the link that it leaves by nor the connection is known
	case hook == nat.NF_INET_PRE_ROUTING && p.Kind == Answer:
		return answers
	case hook == nat.NF_INET_PRE_ROUTING:
		return ""
	case p.Kind == Answer:
		return "-o " + m.links + " " + answers
	case p.Kind == Published:
		return "-o " + m.links + " -m conntrack --ctstate DNAT"
	}
	return "-o " + m.links
}

// nftables inserts rules into the base chain. The group tells a host end better than its name.
func (m *mender) nftables(table *nat.Table) {
	p := m.problem
	p.Owner = "nftables"
	if table != nil && table.Flags&nat.NFT_TABLE_F_OWNER != 0 {
		p.Note = "the table belongs to a program that runs, which alone can change it: have that accept the links of group 28780"
		return
	}
	m.each(func(packet *Packet) {
		if match := m.nftMatch(packet); match != "" {
			m.say("nft insert rule " + p.Family.String() + " " + p.Table + " " + p.Chain + " " + match + " accept")
		}
	})
}

func (m *mender) nftMatch(p *Packet) string {
	const (
		from    = "iifgroup 28780" // nat.Group
		to      = "oifgroup 28780"
		answers = "ct state established,related"
	)
	switch hook := m.base.Hook.Num; {
	case p.Kind == ToHost && hook == nat.NF_INET_LOCAL_IN:
		return from + " " + p.protocolName() + " dport 53"
	case p.Kind == FromContainer || p.Kind == ToHost:
		return from
	case hook == nat.NF_INET_PRE_ROUTING && m.base.Hook.Priority <= priorityConntrack:
		return ""
	case hook == nat.NF_INET_PRE_ROUTING && p.Kind == Answer:
		return answers
	case hook == nat.NF_INET_PRE_ROUTING:
		return ""
	case p.Kind == Answer:
		return to + " " + answers
	case p.Kind == Published:
		return to + " ct status dnat"
	}
	return to
}

// ufw has rules for what it routes beside those for the host. Answers it lets pass by itself.
func (m *mender) ufw() {
	m.problem.Owner = "ufw"
	m.each(func(p *Packet) {
		switch hook := m.base.Hook.Num; {
		case hook == nat.NF_INET_FORWARD && p.Kind == FromContainer:
			m.say("ufw route allow in on " + m.links)
		case hook == nat.NF_INET_FORWARD:
			m.say("ufw route allow out on " + m.links)
		case hook == nat.NF_INET_LOCAL_IN:
			m.say("ufw allow in on " + m.links + " to any port 53")
		case hook == nat.NF_INET_LOCAL_OUT:
			m.say("ufw allow out on " + m.links)
		}
	})
}

// firewalld has zones: what is in zone trusted may send anywhere. Answers and published ports it lets pass by itself.
func (m *mender) firewalld() {
	m.problem.Owner = "firewalld"
	m.say("firewall-cmd --zone=trusted --add-interface=" + m.links)
	m.say("firewall-cmd --permanent --zone=trusted --add-interface=" + m.links)
}

// Legacy are the tables of the old iptables and ip6tables in the calling thread's network namespace. Their rules cannot be read by nftables:
// "iptables-legacy-save" shows them. A file that is not there is no table.
func Legacy() (tables4, tables6 []string) {
	return legacyTables("ip_tables_names"), legacyTables("ip6_tables_names")
}

func legacyTables(file string) []string {
	b := make([]byte, 512)
	fd, err := unix.Open("/proc/thread-self/net/"+file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, b)
	if err != nil || n <= 0 {
		return nil
	}
	return strings.Fields(string(b[:n]))
}
