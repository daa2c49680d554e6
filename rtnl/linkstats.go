package rtnl

import "plumb/rtnl/wire"

// LinkStats is the beginning of struct rtnl_link_stats64, linux/if_link.h: counted since the link was made.
type LinkStats struct {
	RxPackets, TxPackets uint64
	RxBytes, TxBytes     uint64
	RxErrors, TxErrors   uint64
	RxDropped, TxDropped uint64
}

var linkStatsTable = wire.Table[*LinkStats]{
	wire.Field("rx_packets", func(s *LinkStats) *uint64 { return &s.RxPackets }),
	wire.Field("tx_packets", func(s *LinkStats) *uint64 { return &s.TxPackets }),
	wire.Field("rx_bytes", func(s *LinkStats) *uint64 { return &s.RxBytes }),
	wire.Field("tx_bytes", func(s *LinkStats) *uint64 { return &s.TxBytes }),
	wire.Field("rx_errors", func(s *LinkStats) *uint64 { return &s.RxErrors }),
	wire.Field("tx_errors", func(s *LinkStats) *uint64 { return &s.TxErrors }),
	wire.Field("rx_dropped", func(s *LinkStats) *uint64 { return &s.RxDropped }),
	wire.Field("tx_dropped", func(s *LinkStats) *uint64 { return &s.TxDropped }),
}
