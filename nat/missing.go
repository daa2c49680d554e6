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

// explainMissing names the parts that are missing, as far as the refusals tell: in a chain that is not there no rule was looked at.
func explainMissing(err error) error {
	refused := wire.Refusals(err)
	var modules []string
	for _, e := range refused {
		if !errors.Is(e.Err, unix.ENOENT) {
			return err // the others follow from it: without the table nothing in it is there
		}
		if m := missingModule(e); m != "" && !slices.Contains(modules, m) {
			modules = append(modules, m)
		}
	}
	if modules == nil {
		return err
	}
	names := strings.Join(modules, ", ")
	configs := strings.ToUpper(strings.ReplaceAll(names, "chain_", "")) // nft_chain_nat comes with CONFIG_NFT_NAT
	return fmt.Errorf("nf_tables of this kernel is not complete: load %s, or rebuild with CONFIG_%s (%w)",
		names, strings.ReplaceAll(configs, ", ", ", CONFIG_"), refused[0])
}

// missingModule is the module for want of which a message was refused; "" where it was refused for something else.
func missingModule(e *wire.Error) string {
	if len(e.Sent) < unix.SizeofNlMsghdr || strings.HasSuffix(e.Path, "_TABLE") { // it is the table that is not there
		return ""
	}
	body := e.Sent[unix.SizeofNlMsghdr:]
	var c Chain
	var s Set
	x := new(Expr)
	switch e.Name {
	case newChain.Name:
		if newChain.Body.Decode(body, &c) == nil && c.Type == "nat" {
			return "nft_chain_nat"
		}
	case newSet.Name:
		if newSet.Body.Decode(body, &s) == nil && s.Expression != nil {
			x = s.Expression
		}
	case newRule.Name:
		if exprTable.Decode(e.Attribute(), x) != nil {
			return ""
		}
	}
	switch x.Name {
	case "ct", "limit", "masq", "nat":
		return "nft_" + x.Name
	case "fib":
		return "nft_fib_inet"
	}
	return "" // nf_tables has the others in itself
}
