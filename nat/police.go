package nat

// A container that may change its own network can remove the filter that holds what it sends to a rate. So the host,
// which cannot be told otherwise from inside, drops what comes above that: an element of the set police for each container
// that has a limit, and in it a limit of its own (an expression of the element, NFTA_SET_ELEM_EXPR: Linux 5.7).
//
// It is a tenth above the limit, and never met by who keeps to it. The kernel's bucket holds a second's worth and the
// burst (nft_limit_init, net/netfilter/nft_limit.c), and it counts packets without Ethernet headers, a large one that is
// yet to be segmented as one; both let more pass than what the filter counts, and not less.

// policeSet is the name of the set.
const policeSet = "police"

// maxPolice is what an element has that comes without a limit, in bytes a second: more than a link carries. With some
// 18 gigabytes the kernel's nanoseconds overflow.
const maxPolice = 15_000_000_000

// police is the set: type ifname; limit rate over 15000000000 bytes/second burst 64 kbytes. Without that
// limit nft would list the elements' own, and not read them again; nor would it without a burst.
func police() Set {
	return Set{
		Name: policeSet, KeyType: TypeIfName, KeyLen: ifNameSize, Expression: overLimit(maxPolice),
		UserData: setUserData(orderHost, 0, "links that may send no more than their limit"),
	}
}

// policeGuard is: iifname @police drop
//
// The lookup finds an element only where its limit is exceeded (nft_lookup_eval, net/netfilter/nft_lookup.c).
func policeGuard() Rule {
	return Rule{Chain: chainGuard, UserData: CommentData("above its limit"), Expressions: steps(
		[]any{&Meta{Dest: NFT_REG_1, Key: NFT_META_IIFNAME}, inSet(policeSet), verdict(NF_DROP)},
	)}
}

// PoliceElement holds what comes in by a link to a tenth above the limit that its sender keeps to, in bytes a second. It
// is an element of the set police, whose key is the link's name.
func PoliceElement(link string, bytesPerSecond uint64, comment string) Element {
	return Element{
		Key: &Data{Value: IfName(link)}, UserData: CommentData(comment),
		Expression: overLimit(min(bytesPerSecond+bytesPerSecond/10, maxPolice)),
	}
}

// overLimit is: limit rate over N bytes/second burst 64 kbytes
func overLimit(bytesPerSecond uint64) *Expr {
	return &Exprs(&Limit{Rate: bytesPerSecond, Unit: 1, Burst: 64 << 10, Type: NFT_LIMIT_PKT_BYTES, Flags: limitOver})[0]
}

const limitOver LimitFlags = 1 << 0 // NFT_LIMIT_F_INV
