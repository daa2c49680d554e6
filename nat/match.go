package nat

// The parts of rules, named as nft writes them. Each is a list of expressions; a rule is several of them in a row.

// steps joins parts to the expressions of a rule.
func steps(parts ...[]any) []Expr {
	var all []any
	for _, p := range parts {
		all = append(all, p...)
	}
	return Exprs(all...)
}

// compare ends the rule unless register 1 compares so with value.
func compare(op CmpOp, value []byte) *Cmp {
	return &Cmp{Source: NFT_REG_1, Op: op, Data: &Data{Value: value}}
}

// meta is "meta KEY op value".
func meta(key MetaKey, op CmpOp, value []byte) []any {
	return []any{&Meta{Dest: NFT_REG_1, Key: key}, compare(op, value)}
}

// isFamily is "meta nfproto ipv4", which has to come before anything that reads the packet's header in a table of family inet.
func (f *ipFamily) isFamily() []any { return meta(NFT_META_NFPROTO, NFT_CMP_EQ, []byte{byte(f.proto)}) }

// loadSrc and loadDst copy an address of the packet into the register.
func (f *ipFamily) loadSrc(r Register) *Payload {
	return &Payload{Dest: r, Base: NFT_PAYLOAD_NETWORK_HEADER, Offset: f.src, Len: f.addrLen}
}

func (f *ipFamily) loadDst(r Register) *Payload {
	return &Payload{Dest: r, Base: NFT_PAYLOAD_NETWORK_HEADER, Offset: f.dst, Len: f.addrLen}
}

// inSet and notInSet end the rule unless the key that begins in register 1 is in the set, or is not.
func inSet(name string) *Lookup { return &Lookup{Set: name, Source: NFT_REG_1} }

func notInSet(name string) *Lookup {
	return &Lookup{Set: name, Source: NFT_REG_1, Flags: NFT_LOOKUP_F_INV}
}

// noneOf is "ct KEY ! bits": none of the bits is set. someOf is "ct KEY bits". A packet without a connection has a state, and no status:
// a rule that asks for it ends there.
func noneOf(key CTKey, bits uint32) []any { return ctBits(key, bits, NFT_CMP_EQ) }

func someOf(key CTKey, bits uint32) []any { return ctBits(key, bits, NFT_CMP_NEQ) }

func ctBits(key CTKey, bits uint32, op CmpOp) []any {
	return []any{
		&CT{Dest: NFT_REG_1, Key: key},
		&Bitwise{Source: NFT_REG_1, Dest: NFT_REG_1, Len: 4, Mask: &Data{Value: Host32(bits)}, Xor: &Data{Value: Host32(0)}},
		compare(op, Host32(0)),
	}
}

// byteIs is the first byte of an address, of which a prefix of 8 bits says no more.
func byteIs(offset uint32, value byte) []any {
	return []any{&Payload{Dest: NFT_REG_1, Base: NFT_PAYLOAD_NETWORK_HEADER, Offset: offset, Len: 1}, compare(NFT_CMP_EQ, []byte{value})}
}

// notLinkLocal is "ip6 daddr != fe80::/10", of the address at offset.
func notLinkLocal(offset uint32) []any {
	mask, prefix := make([]byte, 16), make([]byte, 16)
	mask[0], mask[1] = 0xff, 0xc0
	prefix[0], prefix[1] = 0xfe, 0x80
	return []any{
		&Payload{Dest: NFT_REG_1, Base: NFT_PAYLOAD_NETWORK_HEADER, Offset: offset, Len: 16},
		&Bitwise{Source: NFT_REG_1, Dest: NFT_REG_1, Len: 16, Mask: &Data{Value: mask}, Xor: &Data{Value: make([]byte, 16)}},
		compare(NFT_CMP_NEQ, prefix),
	}
}

// toLocal is "fib daddr type local": the packet is for an address of this host's.
func toLocal() []any {
	return []any{&FIB{Dest: NFT_REG_1, Result: NFT_FIB_RESULT_ADDRTYPE, Flags: NFTA_FIB_F_DADDR}, compare(NFT_CMP_EQ, Host32(rtnLocal))}
}
