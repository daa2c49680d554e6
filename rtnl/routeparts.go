package rtnl

import (
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// RouteMetrics is RTA_METRICS: RTAX_*, linux/rtnetlink.h.
type RouteMetrics struct {
	Lock     uint32 // bits 1<<RTAX_*: what the kernel must not adapt
	MTU      uint32 // bytes
	AdvMSS   uint32 // bytes
	HopLimit uint32
	Rest     []wire.Attr
}

var routeMetricsTable = wire.Table[*RouteMetrics]{Rows: func(m *RouteMetrics) wire.Rows {
	return wire.Of(m,
		wire.U32(unix.RTAX_LOCK, "RTAX_LOCK", &m.Lock),
		wire.U32(unix.RTAX_MTU, "RTAX_MTU", &m.MTU),
		wire.U32(unix.RTAX_ADVMSS, "RTAX_ADVMSS", &m.AdvMSS),
		wire.U32(unix.RTAX_HOPLIMIT, "RTAX_HOPLIMIT", &m.HopLimit),
		wire.Unknown(&m.Rest, words.Group("metrics")),
	)
}}

// RouteCacheInfo is struct rta_cacheinfo, linux/rtnetlink.h. The times are clock ticks (USER_HZ).
type RouteCacheInfo struct {
	ClientRefs uint32
	LastUse    uint32 // ticks ago
	Expires    int32  // ticks from now; 0: never
	Error      int32  // a negative errno, of an unreachable route
	Used       uint32
	ID, TS     uint32
	TSAge      uint32
}

var routeCacheInfoTable = wire.Table[*RouteCacheInfo]{Rows: func(c *RouteCacheInfo) wire.Rows {
	return wire.Of(c,
		wire.Field("rta_clntref", &c.ClientRefs),
		wire.Field("rta_lastuse", &c.LastUse),
		wire.Field("rta_expires", &c.Expires),
		wire.Field("rta_error", &c.Error),
		wire.Field("rta_used", &c.Used),
		wire.Field("rta_id", &c.ID),
		wire.Field("rta_ts", &c.TS),
		wire.Field("rta_tsage", &c.TSAge),
	)
}}
