package nat

import (
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// Expressions are the steps of a rule: enum nft_expr_attributes, linux/netfilter/nf_tables.h. Each has a name, and attributes
// of its own that the file of its name describes.

// An Expr is one expression.
type Expr struct {
	Name    string
	Data    any // a pointer to the struct of that name, or wire.Raw where this package does not know it
	Unknown []wire.Attr
}

var exprTable = wire.Table[*Expr]{Rows: func(e *Expr) wire.Rows {
	return wire.Of(e,
		wire.String(unix.NFTA_EXPR_NAME, "NFTA_EXPR_NAME", &e.Name),
		wire.NestBy(unix.NFTA_EXPR_DATA, "NFTA_EXPR_DATA", &e.Name, &e.Data, exprKinds),
		wire.Unknown(&e.Unknown, words.Group("expr")),
	)
}}

// exprKinds are the expressions that this package knows, by the names that the kernel has for them.
var exprKinds = wire.Kinds{
	wire.KindOf("bitwise", &bitwiseTable),
	wire.KindOf("byteorder", &byteOrderTable),
	wire.KindOf("cmp", &cmpTable),
	wire.KindOf("counter", &counterTable),
	wire.KindOf("ct", &ctTable),
	wire.KindOf("fib", &fibTable),
	wire.KindOf("immediate", &immediateTable),
	wire.KindOf("last", &lastTable),
	wire.KindOf("limit", &limitTable),
	wire.KindOf("log", &logTable),
	wire.KindOf("lookup", &lookupTable),
	wire.KindOf("masq", &masqTable),
	wire.KindOf("match", &matchTable),
	wire.KindOf("meta", &metaTable),
	wire.KindOf("nat", &natTable),
	wire.KindOf("objref", &objRefTable),
	wire.KindOf("payload", &payloadTable),
	wire.KindOf("quota", &quotaTable),
	wire.KindOf("range", &rangeTable),
	wire.KindOf("redir", &redirTable),
	wire.KindOf("reject", &rejectTable),
	wire.KindOf("target", &targetTable),
}

// Exprs makes expressions of their data: each is a pointer to a struct of this package, and named by its type; what is none has no name, and is refused by the
// encoder.
func Exprs(data ...any) []Expr {
	exprs := make([]Expr, len(data))
	for i, d := range data {
		exprs[i] = Expr{Name: exprKinds.NameOf(d), Data: d}
	}
	return exprs
}
