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

var exprTable = wire.Table[*Expr]{
	wire.String(unix.NFTA_EXPR_NAME, "NFTA_EXPR_NAME", func(e *Expr) *string { return &e.Name }),
	wire.NestBy(unix.NFTA_EXPR_DATA, "NFTA_EXPR_DATA", func(e *Expr) string { return e.Name }, func(e *Expr) *any { return &e.Data }, exprKinds),
	wire.Unknown(func(e *Expr) *[]wire.Attr { return &e.Unknown }),
}

// exprKinds are the expressions that this package knows, by the names that the kernel has for them.
var exprKinds = wire.Kinds{
	"bitwise":   wire.KindOf(&bitwiseTable),
	"byteorder": wire.KindOf(&byteOrderTable),
	"cmp":       wire.KindOf(&cmpTable),
	"counter":   wire.KindOf(&counterTable),
	"ct":        wire.KindOf(&ctTable),
	"fib":       wire.KindOf(&fibTable),
	"immediate": wire.KindOf(&immediateTable),
	"last":      wire.KindOf(&lastTable),
	"limit":     wire.KindOf(&limitTable),
	"log":       wire.KindOf(&logTable),
	"lookup":    wire.KindOf(&lookupTable),
	"masq":      wire.KindOf(&masqTable),
	"meta":      wire.KindOf(&metaTable),
	"nat":       wire.KindOf(&natTable),
	"payload":   wire.KindOf(&payloadTable),
	"quota":     wire.KindOf(&quotaTable),
	"range":     wire.KindOf(&rangeTable),
	"redir":     wire.KindOf(&redirTable),
	"reject":    wire.KindOf(&rejectTable),
}

// Exprs makes expressions of their data: each is a pointer to a struct of this package, and named by its type.
func Exprs(data ...any) []Expr {
	exprs := make([]Expr, len(data))
	for i, d := range data {
		exprs[i] = Expr{Name: exprName(d), Data: d}
	}
	return exprs
}

// exprName is the kernel's name of an expression; "" for what is none, which the encoder then refuses.
func exprName(data any) string {
	switch data.(type) {
	case *Bitwise:
		return "bitwise"
	case *ByteOrder:
		return "byteorder"
	case *Cmp:
		return "cmp"
	case *Counter:
		return "counter"
	case *CT:
		return "ct"
	case *FIB:
		return "fib"
	case *Immediate:
		return "immediate"
	case *Last:
		return "last"
	case *Limit:
		return "limit"
	case *Log:
		return "log"
	case *Lookup:
		return "lookup"
	case *Masq:
		return "masq"
	case *Meta:
		return "meta"
	case *NAT:
		return "nat"
	case *Payload:
		return "payload"
	case *Quota:
		return "quota"
	case *Range:
		return "range"
	case *Redir:
		return "redir"
	case *Reject:
		return "reject"
	}
	return ""
}
