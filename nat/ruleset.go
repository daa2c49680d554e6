package nat

import (
	"github.com/mdlayher/netlink"

	"plumb/rtnl/wire"
)

// TableName is the name of plumb's table, of family inet.
const TableName = "plumb"

// Group is the interface group of all host ends: "pl" in ASCII. The rules know a host end by it.
const Group uint32 = 0x706c

// The chains of plumb's table.
const (
	chainGuard       = "guard"
	chainPrerouting  = "prerouting"
	chainOutput      = "output"
	chainInput       = "input"
	chainForward     = "forward"
	chainPostrouting = "postrouting"
)

// createRequests make plumb's table and all that never changes in it. The first is EEXIST when the table is there.
func createRequests() []wire.Request {
	table := &Table{Header: inet, Name: TableName, UserData: CommentData("networks of containers: plumb makes it, and removes it with the last")}
	requests := []wire.Request{NewTable(table, netlink.Excl)}
	for i, s := range sets() {
		s.Header, s.Table, s.ID = inet, TableName, uint32(i+1)
		requests = append(requests, NewSet(&s, netlink.Excl))
	}
	for _, c := range chains() {
		c.Header, c.Table = inet, TableName
		requests = append(requests, NewChain(&c, 0))
	}
	for _, r := range rules() {
		r.Header, r.Table = inet, TableName
		requests = append(requests, NewRule(&r, netlink.Append))
	}
	return requests
}

// removeRequests remove the table, unless an address is leased: DELSET with NLM_F_NONREC is then EBUSY, and the batch undone.
func removeRequests() []wire.Request {
	return []wire.Request{
		DelSet(&Set{Header: inet, Table: TableName, Name: ipv4.lease}, nonRecursive),
		DelSet(&Set{Header: inet, Table: TableName, Name: ipv6.lease}, nonRecursive),
		DelTable(&Table{Header: inet, Name: TableName}),
	}
}

// sets are all sets and maps. A part of a concatenation takes a multiple of 4 bytes.
func sets() []Set {
	all := []Set{
		{
			Name: linkMap, Flags: NFT_SET_MAP, KeyType: TypeIfName, KeyLen: ifNameSize,
			DataType: ConcatType(TypeIPv4Addr, TypeIPv6Addr), DataLen: 4 + 16, UserData: setUserData(orderHost, 0, "who is attached"),
		},
		linkSet(internalSet, "containers without a way out"),
		linkSet(isolateSet, "containers that reach no other, nor are reached"),
		linkSet(noHostSet, "containers that reach no service of the host"),
		police(),
	}
	return append(append(all, ipv4.sets()...), ipv6.sets()...)
}

// linkSet is a set of host ends.
func linkSet(name, comment string) Set {
	return Set{Name: name, KeyType: TypeIfName, KeyLen: ifNameSize, UserData: setUserData(orderHost, 0, comment)}
}

// sets are the sets and maps of one family.
func (f *ipFamily) sets() []Set {
	service := ConcatType(TypeInetProto, TypeInetService)
	target, targetLen := ConcatType(f.addrType, TypeInetService), f.addrLen+4
	return []Set{
		{
			Name: f.lease, Flags: NFT_SET_MAP, KeyType: f.addrType, KeyLen: f.addrLen, DataType: TypeIfName, DataLen: ifNameSize,
			UserData: setUserData(orderBig, orderHost, "who holds which address"),
		},
		{
			Name: f.member, KeyType: ConcatType(TypeIfName, f.addrType), KeyLen: ifNameSize + f.addrLen,
			UserData: setUserData(0, 0, "what a container may send from"),
		},
		{
			Name: f.nets, Flags: NFT_SET_INTERVAL, KeyType: f.addrType, KeyLen: f.addrLen,
			UserData: setUserData(orderBig, 0, "the containers' subnets"),
		},
		{
			Name: f.within, Flags: NFT_SET_INTERVAL | NFT_SET_CONCAT, KeyType: ConcatType(f.addrType, f.addrType), KeyLen: 2 * f.addrLen,
			Desc:     &SetDesc{Concat: []SetField{{Len: f.addrLen}, {Len: f.addrLen}}},
			UserData: setUserData(0, 0, "what a network is: from a subnet to itself"),
		},
		{
			Name: f.publish, Flags: NFT_SET_MAP, KeyType: service, KeyLen: 8, DataType: target, DataLen: targetLen,
			UserData: setUserData(0, 0, "ports published on all addresses"),
		},
		{
			Name: f.publishHost, Flags: NFT_SET_MAP, KeyType: ConcatType(f.addrType, TypeInetProto, TypeInetService), KeyLen: f.addrLen + 8,
			DataType: target, DataLen: targetLen, UserData: setUserData(0, 0, "ports published on one address"),
		},
		{
			Name: f.full, KeyType: f.addrType, KeyLen: f.addrLen,
			UserData: setUserData(orderBig, 0, "from where on 16 addresses are all leased"),
		},
		linkSet(f.forward, "whose forwarding plumb has changed"),
	}
}

// chains are the base chains. No policy is drop: traffic that is not a container's is never dropped by us.
func chains() []Chain {
	return []Chain{
		{Name: chainGuard, Type: "filter", Hook: &Hook{Num: NF_INET_PRE_ROUTING, Priority: priorityRaw}},
		{Name: chainPrerouting, Type: "nat", Hook: &Hook{Num: NF_INET_PRE_ROUTING, Priority: priorityDstNAT}},
		{Name: chainOutput, Type: "nat", Hook: &Hook{Num: NF_INET_LOCAL_OUT, Priority: priorityDstNAT}},
		{Name: chainInput, Type: "filter", Hook: &Hook{Num: NF_INET_LOCAL_IN, Priority: priorityFilter}},
		{Name: chainForward, Type: "filter", Hook: &Hook{Num: NF_INET_FORWARD, Priority: priorityFilter}},
		{Name: chainPostrouting, Type: "nat", Hook: &Hook{Num: NF_INET_POST_ROUTING, Priority: prioritySrcNAT}},
	}
}
