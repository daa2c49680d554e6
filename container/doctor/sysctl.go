package doctor

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"plumb/nat"
	"plumb/rtnl"
)

// sysctl reads one of the host's namespace.
func (d *doctor) sysctl(name string) (string, error) {
	if d.options.NS != nil {
		return d.options.NS.ReadSysctl(name)
	}
	text, err := os.ReadFile("/proc/sys/" + name)
	return strings.TrimSpace(string(text)), err
}

// number reads a sysctl that is a number. One that is not there is -1: a part of the kernel that is not loaded, or what the first network
// namespace alone has.
func (d *doctor) number(name string) int {
	text, err := d.sysctl(name)
	if errors.Is(err, unix.ENOENT) {
		return -1
	}
	n, parseErr := strconv.Atoi(text)
	if err = errors.Join(err, parseErr); err != nil {
		d.unseen(strings.ReplaceAll(name, "/", "."), err)
		return -1
	}
	return n
}

// sysctls looks at those that decide about containers' packets.
func (d *doctor) sysctls() {
	d.group = "sysctls"
	if d.number("net/ipv4/ip_forward") == 0 {
		d.ok("net.ipv4.ip_forward", "0: plumb switches the forwarding of single links on")
	} else {
		d.ok("net.ipv4.ip_forward", "the host forwards")
	}
	d.containersForward()
	d.disabledIPv6()
	for _, u := range d.ups {
		if u.family == rtnl.IPv6 && u.byRA {
			d.acceptRA(u.link.Name)
		}
	}
	d.reversePath()
	d.conntrack()
	d.neighbours()
}

func (d *doctor) disabledIPv6() {
	for _, which := range []string{"all", "default"} {
		if d.number("net/ipv6/conf/"+which+"/disable_ipv6") == 1 {
			d.add("net.ipv6.conf."+which+".disable_ipv6", Warning, "1: links of containers have no IPv6", "sysctl -w net.ipv6.conf."+which+".disable_ipv6=0")
		}
	}
}

// acceptRA: a host that forwards IPv6 takes no default route from router advertisements, and loses the one it has, unless accept_ra is
// 2 (Documentation/networking/ip-sysctl.rst).
func (d *doctor) acceptRA(link string) {
	name := "net.ipv6.conf." + link + ".accept_ra"
	value := d.number("net/ipv6/conf/" + link + "/accept_ra")
	forwards := d.number("net/ipv6/conf/all/forwarding") == 1
	switch {
	case value == 2 || value < 0:
		d.ok(name, "router advertisements are heard while the host forwards")
	case forwards:
		d.add(name, Problem, fmt.Sprintf("%d: the host forwards IPv6, and loses its default route when that runs out", value), "sysctl -w "+dotted(link, "net.ipv6.conf.%s.accept_ra=2"))
	default:
		d.ok(name, fmt.Sprintf("%d: plumb sets it to 2 before it makes the host forward IPv6", value))
	}
}

// dotted puts a link's name into a sysctl's, where a slash stands for a dot.
func dotted(link, format string) string {
	return fmt.Sprintf(format, strings.ReplaceAll(link, ".", "/"))
}

// reversePath: with several uplinks an answer may come in by another than the one that the host would send by, and a strict filter then
// drops it. The higher of all's and the link's is in force.
func (d *doctor) reversePath() {
	var ups []uplink
	for _, u := range d.ups {
		if u.family == rtnl.IPv4 {
			ups = append(ups, u)
		}
	}
	all := d.number("net/ipv4/conf/all/rp_filter")
	for _, u := range ups {
		strict := max(all, d.number("net/ipv4/conf/"+u.link.Name+"/rp_filter")) == 1
		if strict && len(ups) > 1 {
			d.add("net.ipv4.conf."+u.link.Name+".rp_filter", Warning, "1 (strict), and there are several uplinks: answers that come in by another one are dropped",
				"sysctl -w "+dotted(u.link.Name, "net.ipv4.conf.%s.rp_filter=2"))
		}
	}
}

// conntrack: when the table of connections is full, new ones are dropped.
func (d *doctor) conntrack() {
	count, most := d.number("net/netfilter/nf_conntrack_count"), d.number("net/netfilter/nf_conntrack_max")
	if count < 0 || most <= 0 {
		return // connection tracking has not begun
	}
	detail := fmt.Sprintf("%d of %d connections", count, most)
	mend := fmt.Sprintf("sysctl -w net.netfilter.nf_conntrack_max=%d", 2*most)
	switch {
	case count >= most-most/50:
		d.add("connection tracking", Problem, detail+": new ones are dropped", mend)
	case count >= most-most/5:
		d.add("connection tracking", Warning, detail, mend)
	default:
		d.ok("connection tracking", detail)
	}
}

// containersForward looks whether the containers' links forward. Who switches net.ipv4.ip_forward off switches it off for each link.
func (d *doctor) containersForward() {
	var off []string
	for i := range d.links {
		name := d.links[i].Name
		if d.links[i].Group == nat.Group && d.number("net/ipv4/conf/"+name+"/forwarding") == 0 {
			off = append(off, name)
		}
	}
	if len(off) > 0 {
		d.add("forwarding of containers' links", Problem, "off for "+strings.Join(off, ", ")+": somebody has switched net.ipv4.ip_forward on and off", "plumb gc --repair")
	}
}

// neighbours: each container is a neighbour of the host's in each family, and above gc_thresh3 there is no room for another. All network
// namespaces share the table, and only the first shows its size.
func (d *doctor) neighbours() {
	containers := 0
	for i := range d.links {
		if d.links[i].Group == nat.Group {
			containers++
		}
	}
	for _, f := range []string{"ipv4", "ipv6"} {
		name := "net." + f + ".neigh.default.gc_thresh3"
		most := d.number("net/" + f + "/neigh/default/gc_thresh3")
		if most < 0 {
			continue
		}
		detail := fmt.Sprintf("room for %d neighbours, of which containers need %d: one at each of their ends", most, 2*containers)
		if 2*containers > most-most/5 {
			d.add(name, Warning, detail, fmt.Sprintf("sysctl -w %s=%d", name, 8*containers))
		} else {
			d.ok(name, detail)
		}
	}
}
