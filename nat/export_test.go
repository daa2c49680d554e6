package nat

import (
	"net/netip"

	"plumb/rtnl/wire"
)

// What the tests of package nat_test see of the inside. They are outside since plumb/test/lab, which seals them off, stands
// on package container and that on this one.

func AttachRequests(a *Attachment) []wire.Request { return a.plan(nil).requests }

func CreateRequests() []wire.Request { return createRequests() }

func RemoveRequests() []wire.Request { return removeRequests() }

func MarkRequests(full ...netip.Addr) []wire.Request { return markRequests(full) }

func (c *Conn) LeasedOf(run []netip.Addr) (int, error) { return c.leasedOf(run) }

// Marks are the marks of the family of addr.
func (c *Conn) Marks(addr netip.Addr) ([]netip.Addr, error) { return c.marks(familyOf(addr)) }

// FlushRequests are what a kernel that can do it by itself is asked for flows.
func FlushRequests(flows ...Flow) []wire.Request {
	patterns, _ := patternsOf(flows)
	return filteredRequests(patterns)
}

// ListToFlush makes c flush connections as on a kernel that cannot do it by itself.
func (c *Conn) ListToFlush() { c.listsTracked.Store(true) }

// Lists reports whether c does.
func (c *Conn) Lists() bool { return c.listsTracked.Load() }

// Forget removes connections as they were listed, and ForgetRequests are what does so.
func (c *Conn) Forget(list ...Connection) error { return c.forget(trackedOf(list)) }

func ForgetRequests(list ...Connection) []wire.Request { return forgetRequests(trackedOf(list)) }

func trackedOf(list []Connection) []tracked {
	var all []tracked
	for _, c := range list {
		all = append(all, tracked{c.Header, c.Orig, c.Reply, c.ID, c.Zone})
	}
	return all
}

// ParseEvent is what Events does with a message.
func ParseEvent(typ uint16, body []byte) (Event, bool, error) { return parseEvent(typ, body) }

// A Body is one of this package's tables, as the tests see it.
type Body struct {
	Name string
	// Again decodes b and encodes what it has decoded.
	Again func(b []byte) (again []byte, decoded any, err error)
	Show  func(b []byte) []wire.Node
	// Sample is the encoding of a value with every field set.
	Sample func(fill func(v any)) ([]byte, any, error)
}

func bodyOf[T any](name string, t *wire.Table[*T]) Body {
	return Body{
		Name: name,
		Show: func(b []byte) []wire.Node { return t.Show(b) },
		Again: func(b []byte) ([]byte, any, error) {
			v := new(T)
			if err := t.Decode(b, v); err != nil {
				return nil, nil, err
			}
			again, err := t.Encode(v)
			return again, v, err
		},
		Sample: func(fill func(v any)) ([]byte, any, error) {
			v := new(T)
			fill(v)
			b, err := t.Encode(v)
			return b, v, err
		},
	}
}

// Bodies are all tables of messages and of expressions.
func Bodies() []Body {
	return []Body{
		bodyOf("batch", &batchTable), bodyOf("gen", &genTable), bodyOf("table", &tableTable), bodyOf("chain", &chainTable),
		bodyOf("rule", &ruleTable), bodyOf("set", &setTable), bodyOf("elements", &elementListTable),
		bodyOf("bitwise", &bitwiseTable), bodyOf("byteorder", &byteOrderTable), bodyOf("cmp", &cmpTable), bodyOf("counter", &counterTable),
		bodyOf("ct", &ctTable), bodyOf("fib", &fibTable), bodyOf("immediate", &immediateTable), bodyOf("limit", &limitTable),
		bodyOf("log", &logTable), bodyOf("lookup", &lookupTable), bodyOf("masq", &masqTable), bodyOf("match", &matchTable), bodyOf("meta", &metaTable),
		bodyOf("nat", &natTable), bodyOf("payload", &payloadTable), bodyOf("quota", &quotaTable), bodyOf("range", &rangeTable),
		bodyOf("keys", &leaseKeysTable), bodyOf("redir", &redirTable), bodyOf("reject", &rejectTable),
		bodyOf("nat", &natTable), bodyOf("objref", &objRefTable), bodyOf("payload", &payloadTable), bodyOf("quota", &quotaTable), bodyOf("range", &rangeTable),
		bodyOf("redir", &redirTable), bodyOf("reject", &rejectTable),
		bodyOf("connection", &connectionTable), bodyOf("tracking stats", &trackingStatsTable),
		bodyOf("target", &targetTable),
	}
}

// PoliceSet and PoliceGuard are the set and the rule of the limits.
func PoliceSet() Set { return police() }

func PoliceGuard() Rule { return policeGuard() }
func RedirectRequests(to netip.AddrPort, flags TableFlags) []wire.Request {
	return redirectRequests(to, flags)
}

// DialRedirectWith is DialRedirect with other flags for the table.
func DialRedirectWith(config wire.Config, to netip.AddrPort, flags TableFlags) (*Redirect, error) {
	return dialRedirect(config, to, flags)
}
