package nat

import (
	_ "embed" // for the texts

	"plumb/rtnl/wire"
)

// The names of all that netfilter has and no table of this package: what other programs send, and what the kernel tells
// that nobody here asks for. words_test.go compares them with the kernel's headers.
var (
	//go:embed words/nftables.txt
	nftablesWords string
	//go:embed words/netfilter.txt
	netfilterWords string

	words = wire.NewDictionary(nftablesWords, netfilterWords)
)
