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

var routeMetricsTable = wire.Table[*RouteMetrics]{
	wire.U32(unix.RTAX_LOCK, "RTAX_LOCK", func(m *RouteMetrics) *uint32 { return &m.Lock }),
	wire.U32(unix.RTAX_MTU, "RTAX_MTU", func(m *RouteMetrics) *uint32 { return &m.MTU }),
	wire.U32(unix.RTAX_ADVMSS, "RTAX_ADVMSS", func(m *RouteMetrics) *uint32 { return &m.AdvMSS }),
	wire.U32(unix.RTAX_HOPLIMIT, "RTAX_HOPLIMIT", func(m *RouteMetrics) *uint32 { return &m.HopLimit }),
	wire.Unknown(func(m *RouteMetrics) *[]wire.Attr { return &m.Rest }, words.Group("metrics")),
}

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

var routeCacheInfoTable = wire.Table[*RouteCacheInfo]{
	wire.Field("rta_clntref", func(c *RouteCacheInfo) *uint32 { return &c.ClientRefs }),
	wire.Field("rta_lastuse", func(c *RouteCacheInfo) *uint32 { return &c.LastUse }),
	wire.Field("rta_expires", func(c *RouteCacheInfo) *int32 { return &c.Expires }),
	wire.Field("rta_error", func(c *RouteCacheInfo) *int32 { return &c.Error }),
	wire.Field("rta_used", func(c *RouteCacheInfo) *uint32 { return &c.Used }),
	wire.Field("rta_id", func(c *RouteCacheInfo) *uint32 { return &c.ID }),
	wire.Field("rta_ts", func(c *RouteCacheInfo) *uint32 { return &c.TS }),
	wire.Field("rta_tsage", func(c *RouteCacheInfo) *uint32 { return &c.TSAge }),
}
