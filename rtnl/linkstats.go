package rtnl

import "plumb/rtnl/wire"

// LinkStats is the beginning of struct rtnl_link_stats64, linux/if_link.h: counted since the link was made.
type LinkStats struct {
	RxPackets, TxPackets uint64
	RxBytes, TxBytes     uint64
	RxErrors, TxErrors   uint64
	RxDropped, TxDropped uint64
}

var linkStatsTable = wire.Table[*LinkStats]{Rows: func(s *LinkStats) wire.Rows {
	return wire.Of(s,
		wire.Field("rx_packets", &s.RxPackets),
		wire.Field("tx_packets", &s.TxPackets),
		wire.Field("rx_bytes", &s.RxBytes),
		wire.Field("tx_bytes", &s.TxBytes),
		wire.Field("rx_errors", &s.RxErrors),
		wire.Field("tx_errors", &s.TxErrors),
		wire.Field("rx_dropped", &s.RxDropped),
		wire.Field("tx_dropped", &s.TxDropped),
	)
}}
