package container_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/nat"
	"plumb/test/lab"
)

// nftElements are the elements of all sets and maps of a table, as nft tells them, each in one line: the key, and after "->" what it leads to.
func nftElements(t testing.TB, h *clab.Host) map[string][]string {
	t.Helper()
	var ruleset struct {
		Nftables []map[string]struct {
			Table, Name string
			Elem        []any
		}
	}
	must(t, json.Unmarshal([]byte(lab.Run(t, h, "nft", "-j", "list", "ruleset")), &ruleset))
	all := map[string][]string{}
	for _, object := range ruleset.Nftables {
		for kind, s := range object {
			if kind != "set" && kind != "map" || s.Table != nat.TableName {
				continue
			}
			for _, e := range s.Elem {
				if pair, ok := e.([]any); ok {
					all[s.Name] = append(all[s.Name], plain(pair[0])+" -> "+plain(pair[1]))
				} else {
					all[s.Name] = append(all[s.Name], plain(e))
				}
			}
			slices.Sort(all[s.Name])
		}
	}
	return all
}

// plain is a value as nft would write it.
func plain(v any) string {
	switch v := v.(type) {
	case map[string]any:
		if e, ok := v["elem"].(map[string]any); ok {
			return plain(e["val"])
		}
		if p, ok := v["prefix"].(map[string]any); ok {
			return fmt.Sprintf("%v/%v", p["addr"], p["len"])
		}
		return plain(v["concat"])
	case []any:
		var parts []string
		for _, part := range v {
			parts = append(parts, plain(part))
		}
		return strings.Join(parts, " . ")
	}
	return fmt.Sprint(v)
}

// What ip and nft say is there is what Attach has returned, and what Holdings tells.
func TestToolsAgree(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	want := map[string][]string{}
	add := func(set, element string) { want[set] = append(want[set], element) }
	var holdings []string
	subnets := map[netip.Prefix]bool{}
	for _, n := range []container.Network{
		{Name: "web", Publish: []container.Publish{mustPublish(t, "8080-8081:80-81"), mustPublish(t, "192.0.2.1:53:5353/udp"), mustPublish(t, "[2001:db8::99]::80")}},
		{Name: "db", Network: "back", Isolate: true, NoHost: true},
		{Name: "only4", NoIPv6: true, Internal: true},
		{Name: "only6", NoIPv4: true, Network: "six", Publish: []container.Publish{mustPublish(t, "9000:9000/sctp")}},
	} {
		box, a := w.attach(n)
		addrs := lab.Run(t, box, "ip", "-j", "addr", "show", "dev", a.Interface)
		var links []struct {
			Ifname, Address string
			MTU             int
			AddrInfo        []struct {
				Local     string
				Prefixlen int
			} `json:"addr_info"`
		}
		must(t, json.Unmarshal([]byte(addrs), &links))
		var got, own []string
		for _, l := range links {
			for _, i := range l.AddrInfo {
				got = append(got, fmt.Sprintf("%s/%d", i.Local, i.Prefixlen))
			}
			if l.Ifname != a.Interface || l.Address != a.MAC.String() || l.MTU != int(a.MTU) {
				t.Errorf("%s: ip shows %+v, Attach %s %s %d", n.Name, l, a.Interface, a.MAC, a.MTU)
			}
		}
		v4, v6 := "0.0.0.0", "::"
		for _, p := range []netip.Prefix{a.Addr, a.Addr6} {
			if !p.IsValid() {
				continue
			}
			family := map[bool]string{true: "4", false: "6"}[p.Addr().Is4()]
			own = append(own, p.String())
			add("lease"+family, p.Addr().String()+" -> "+a.HostLink)
			add("member"+family, a.HostLink+" . "+p.Addr().String())
			if family == "6" {
				own = append(own, "fe80::2/64")
				add("member6", a.HostLink+" . fe80::2")
				v6 = p.Addr().String()
			} else {
				v4 = p.Addr().String()
			}
			if s := p.Masked(); !subnets[s] {
				subnets[s] = true
				add("nets"+family, s.String())
				add("within"+family, s.String()+" . "+s.String())
			}
			for _, published := range a.Publish {
				for i := range published.Count {
					to := fmt.Sprintf("%s . %d", p.Addr(), published.Port+i)
					key := fmt.Sprintf("%s . %d", nat.ProtoName(published.Proto), published.HostPort+i)
					switch {
					case !published.Host.IsValid():
						add("publish"+family, key+" -> "+to)
					case published.Host.Is4() == p.Addr().Is4():
						add("publish"+family+"h", published.Host.String()+" . "+key+" -> "+to)
					}
				}
			}
		}
		add("link", a.HostLink+" -> "+v4+" . "+v6)
		holdings = append(holdings, a.HostLink+" -> "+v4+" . "+v6)
		for set, on := range map[string]bool{"internal": n.Internal, "isolate": n.Isolate, "nohost": n.NoHost} {
			if on {
				add(set, a.HostLink)
			}
		}
		slices.Sort(got)
		slices.Sort(own)
		if !slices.Equal(got, own) {
			t.Errorf("%s: ip shows %v, Attach %v", n.Name, got, own)
		}
	}
	got := nftElements(t, w.host)
	for _, set := range []string{
		"link", "internal", "isolate", "nohost", "lease4", "lease6", "member4", "member6", "nets4", "nets6", "within4", "within6",
		"publish4", "publish6", "publish4h", "publish6h",
	} {
		slices.Sort(want[set])
		if !slices.Equal(got[set], want[set]) {
			t.Errorf("%s:\nnft shows %q\nAttach    %q", set, got[set], want[set])
		}
	}
	held, err := w.nat.Holdings()
	must(t, err)
	var told []string
	for _, h := range held {
		v4, v6 := "0.0.0.0", "::"
		if h.IPv4.IsValid() {
			v4 = h.IPv4.String()
		}
		if h.IPv6.IsValid() {
			v6 = h.IPv6.String()
		}
		told = append(told, h.Link+" -> "+v4+" . "+v6)
	}
	slices.Sort(told)
	slices.Sort(holdings)
	if !slices.Equal(told, holdings) {
		t.Errorf("Holdings tells %q, Attach %q", told, holdings)
	}
}
