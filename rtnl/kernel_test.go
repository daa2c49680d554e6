package rtnl_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/wire"
	"plumb/test/lab"

	"golang.org/x/sys/unix"
)

// The kernel does what each message asks for: rtnl reads it back, and ip, where it is installed, sees the same.
func TestKernelTakesMessages(t *testing.T) {
	t.Parallel()
	all := messages()
	byName := make(map[string]message, len(all))
	for _, m := range all {
		byName[m.name] = m
	}
	for _, m := range all {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, name := range m.before {
				w.send(t, byName[name])
			}
			c, ns := w.send(t, m)
			if m.seen != nil {
				if err := m.seen(c); err != nil {
					t.Errorf("after %s: %v", m.command, err)
				}
			}
			if m.ip != "" {
				askIP(t, ns, m)
			}
		})
	}
}

func (w *world) send(t *testing.T, m message) (*rtnl.Conn, *netns.NS) {
	t.Helper()
	c, ns := w.conn, w.host
	if m.inside {
		c, ns = w.peerConn, w.inside
	}
	if err := m.run(c, w); err != nil {
		t.Fatalf("%s (%s): %v", m.name, m.command, err)
	}
	return c, ns
}

// askIP compares with what ip sees.
func askIP(t *testing.T, ns *netns.NS, m message) {
	t.Helper()
	ip := lab.NeedTool(t, "ip")
	var out []byte
	err := ns.Do(func() (err error) {
		out, err = exec.Command(ip, append([]string{"-N", "-j"}, strings.Fields(m.ip)...)...).Output()
		return err
	})
	if err != nil && m.gone == "" {
		t.Fatalf("ip %s: %v", m.ip, err)
	}
	if m.gone != "" && strings.Contains(string(out), `"`+m.gone+`"`) {
		t.Errorf("ip %s still shows %s: %s", m.ip, m.gone, out)
	}
	if m.answer == "" {
		return
	}
	var want any
	var got []any
	if err := errors.Join(json.Unmarshal([]byte(m.answer), &want), json.Unmarshal(out, &got)); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !holds(got, []any{want}) {
		t.Errorf("ip %s shows no %s: %s", m.ip, m.answer, out)
	}
}

// holds reports whether all that part says is in whole: of an object the members that part names, of an array an
// element for each of part's.
func holds(whole, part any) bool {
	switch part := part.(type) {
	case map[string]any:
		object, ok := whole.(map[string]any)
		for key, value := range part {
			got, there := object[key]
			ok = ok && there && holds(got, value)
		}
		return ok
	case []any:
		array, ok := whole.([]any)
		for _, value := range part {
			found := false
			for _, got := range array {
				found = found || holds(got, value)
			}
			ok = ok && found
		}
		return ok
	}
	return whole == part
}

// A seen reads back what a message did.
type seen func(c *rtnl.Conn) error

func link(name string, is func(*rtnl.Link) bool) seen {
	return func(c *rtnl.Conn) error {
		l, err := c.LinkByName(name)
		if err == nil && !is(l) {
			err = fmt.Errorf("link %s is %+v", name, l)
		}
		return err
	}
}

func noLink(name string) seen {
	return func(c *rtnl.Conn) error {
		if _, err := c.LinkByName(name); !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("link %s is still there: %w", name, err)
		}
		return nil
	}
}

func addr(is func(*rtnl.Addr) bool) seen {
	return among(func(c *rtnl.Conn) ([]rtnl.Addr, error) { return c.Addrs(0, 0) }, is)
}

func route(is func(*rtnl.Route) bool) seen {
	return among(func(c *rtnl.Conn) ([]rtnl.Route, error) { return c.Routes(0) }, is)
}

func neigh(is func(*rtnl.Neigh) bool) seen {
	return among(func(c *rtnl.Conn) ([]rtnl.Neigh, error) { return c.Neighs(0) }, is)
}

func rule(is func(*rtnl.Rule) bool) seen {
	return among(func(c *rtnl.Conn) ([]rtnl.Rule, error) { return c.Rules(0) }, is)
}

// among wants one of a list to be as is says.
func among[T any](list func(*rtnl.Conn) ([]T, error), is func(*T) bool) seen {
	return func(c *rtnl.Conn) error {
		all, err := list(c)
		if err != nil {
			return err
		}
		for i := range all {
			if is(&all[i]) {
				return nil
			}
		}
		return fmt.Errorf("not among %+v", all)
	}
}

// Everything that the kernel's dumps hold has a name, on the kernels that this was written for.
func TestNothingWithoutName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, m := range messages() {
		switch m.name {
		case "link-pair", "link-altname", "link-bridge", "addr-peer", "addr-nodad", "addr-peer6", "addr-noprefixroute",
			"link-up", "route-onlink", "route-default", "route-metrics", "neigh-permanent", "rule-from", "rule-everything",
			"qdisc-tbf", "qdisc-tbf-inside":
			w.send(t, m)
		}
	}
	for _, ns := range []*netns.NS{w.host, w.inside} {
		names := &nameChecker{t: t}
		c := dialIn(t, ns, wire.Config{Tracer: names})
		_, err1 := c.Links()
		_, err2 := c.LinkByIndex(1)
		_, err3 := c.Addrs(0, 0)
		_, err4 := c.Routes(0)
		_, err5 := c.Neighs(0)
		_, err6 := c.Rules(0)
		_, err7 := c.Forwards(rtnl.IPv6)
		_, err8 := c.Qdiscs(0)
		if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, err8); err != nil {
			t.Error(err)
		}
		if names.seen < 100 {
			t.Errorf("%d attributes were seen", names.seen)
		}
	}
}

// A nameChecker is a tracer that complains of attributes without a name. A bridge's own are none of rtnl's business.
type nameChecker struct {
	t    *testing.T
	seen int
}

func (n *nameChecker) Trace(e wire.Event) {
	v, err := e.Protocol.View(e.Message)
	if err != nil {
		n.t.Error(err)
	}
	n.check(v.Name, v.Nodes)
}

func (n *nameChecker) check(where string, nodes []wire.Node) {
	for _, node := range nodes {
		n.seen++
		if strings.HasPrefix(node.Name, "attribute ") || node.Name == "malformed" {
			n.t.Errorf("%s: %s %s", where, node.Name, node.Value)
		}
		n.check(where+"/"+node.Name, node.Children)
	}
}
