package wire

// ReqBE is a number in network byte order, of the Go type's size, that is always sent, 0 as well. Many of nftables'
// attributes are required and have a 0 that says something: NFT_CMP_EQ, NF_DROP, NF_INET_PRE_ROUTING.
func ReqBE[T any, V number](typ uint16, name string, f func(*T) *V) Row[T] {
	r := numeric(typ, name, true, f)
	size := sizeOf[V]()
	r.put = func(e *Encoder, v *T) { putNumber(e.attr(typ, size), true, *f(v)) }
	return r
}
