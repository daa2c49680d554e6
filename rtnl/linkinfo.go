package rtnl

import (
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// LinkInfo is IFLA_LINKINFO: what kind of link it is, and what only that kind has.
type LinkInfo struct {
	Kind string // "veth", "bridge", ...
	Data any    // *Veth where Kind is "veth"; wire.Raw for a kind that this package does not know
	Rest []wire.Attr
}

var linkInfoTable = wire.Table[*LinkInfo]{Rows: func(i *LinkInfo) wire.Rows {
	return wire.Of(i,
		wire.String(unix.IFLA_INFO_KIND, "IFLA_INFO_KIND", &i.Kind),
		wire.NestBy(unix.IFLA_INFO_DATA, "IFLA_INFO_DATA",
			&i.Kind,
			&i.Data,
			wire.Kinds{wire.KindOf("veth", &vethTable)}),
		wire.Unknown(&i.Rest, words.Group("linkinfo")),
	)
}}
