package nat

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// A kernel has nf_tables in parts, each a module, that it loads when it is asked for them. What needs a part that is not to be had is ENOENT,
// as is much else.

// A part is one of them.
type part struct{ module, config string }

// natChains are the base chains of type nat.
var natChains = part{"nft_chain_nat", "CONFIG_NFT_NAT"}

// partOf is the part that an expression of plumb's rules is; a zero one for those that nf_tables has in itself.
func partOf(expression string) part {
	switch expression {
	case "ct", "limit", "masq", "nat":
		return part{"nft_" + expression, "CONFIG_NFT_" + strings.ToUpper(expression)}
	case "fib":
		return part{"nft_fib_inet", "CONFIG_NFT_FIB_INET"}
	}
	return part{}
}

// missingPart is the part for want of which a message was refused; a zero one where it was refused for something else.
func missingPart(e *wire.Error) part {
	if !errors.Is(e.Err, unix.ENOENT) || len(e.Sent) < unix.SizeofNlMsghdr {
		return part{}
	}
	body := e.Sent[unix.SizeofNlMsghdr:]
	var c Chain
	var s Set
	var x Expr
	switch e.Name {
	case newChain.Name:
		if newChain.Body.Decode(body, &c) == nil && c.Type == "nat" {
			return natChains
		}
	case newSet.Name:
		if newSet.Body.Decode(body, &s) == nil && s.Expression != nil {
			return partOf(s.Expression.Name)
		}
	case newRule.Name:
		if exprTable.Decode(e.Attribute(), &x) == nil {
			return partOf(x.Name)
		}
	}
	return part{}
}

// A partsError says that the kernel lacks parts of nf_tables.
type partsError struct {
	parts []part
	err   error
}

func (e *partsError) Error() string {
	var modules, configs []string
	for _, p := range e.parts {
		modules, configs = append(modules, p.module), append(configs, p.config)
	}
	which := "the module"
	if len(modules) > 1 {
		which = "the modules"
	}
	names := strings.Join(modules, ", ")
	return fmt.Sprintf("nf_tables of this kernel is not complete: load %s %s, or rebuild with %s (%v)", which, names, strings.Join(configs, ", "), wire.Refusals(e.err)[0])
}

func (e *partsError) Unwrap() error { return e.err }

// explainMissing names the parts that are missing, as far as the refusals tell: in a chain that is not there no rule was looked at.
func explainMissing(err error) error {
	var parts []part
	for _, e := range wire.Refusals(err) {
		if p := missingPart(e); p != (part{}) && !slices.Contains(parts, p) {
			parts = append(parts, p)
		}
	}
	if parts == nil {
		return err
	}
	return &partsError{parts, err}
}
