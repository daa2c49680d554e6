package nat

import (
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// A batch is a transaction: everything between NFNL_MSG_BATCH_BEGIN and NFNL_MSG_BATCH_END is carried out as a whole or not
// at all. enum nfnl_batch_attributes, linux/netfilter/nfnetlink.h. Both messages are struct nfgenmsg whose res_id is
// the subsystem that the batch is for.

// A BatchBound is the begin or the end of a batch.
type BatchBound struct {
	Header
	GenID   uint32 // the batch is refused with ERESTART unless the namespace's generation id is this; 0: whatever it is
	Unknown []wire.Attr
}

var batchTable = wire.Table[*BatchBound]{Rows: func(b *BatchBound) wire.Rows {
	return wire.Of(b,
		headerRows(&b.Header),
		wire.BE32(unix.NFNL_BATCH_GENID, "NFNL_BATCH_GENID", &b.GenID),
		wire.Unknown(&b.Unknown, words.Group("batch")),
	)
}}

var (
	batchBegin = wire.Message[BatchBound]{Type: unix.NFNL_MSG_BATCH_BEGIN, Name: "NFNL_MSG_BATCH_BEGIN", Body: &batchTable}
	batchEnd   = wire.Message[BatchBound]{Type: unix.NFNL_MSG_BATCH_END, Name: "NFNL_MSG_BATCH_END", Body: &batchTable}
)

// BeginBatch begins a batch. With a genID that is not 0 the kernel refuses it once anything in the namespace's
// tables has changed since GenID returned that number.
func BeginBatch(genID uint32) wire.Request {
	b := &BatchBound{Header: Header{ResourceID: unix.NFNL_SUBSYS_NFTABLES}, GenID: genID}
	return batchBegin.New(0, b, "begin a batch")
}

// EndBatch ends a batch and thereby commits it.
func EndBatch() wire.Request {
	return batchEnd.New(0, &BatchBound{Header: Header{ResourceID: unix.NFNL_SUBSYS_NFTABLES}}, "commit the batch")
}
