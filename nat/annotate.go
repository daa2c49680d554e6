package nat

import (
	"strings"

	"plumb/rtnl/wire"
)

// What a value in a message of nftables means is said elsewhere in it, or not at all: by what loaded the register that it is
// compared with, or by the set that it is an element of. Where that can be known, a trace shows the value by its type.

// annotate shows values by their types. body is the message's.
func annotate(v *wire.View, body []byte) {
	switch {
	case strings.HasSuffix(v.Name, "SETELEM"):
		annotateElements(v.Nodes, body)
	case strings.HasSuffix(v.Name, "RULE"):
		if list := named(v.Nodes, "NFTA_RULE_EXPRESSIONS"); list != nil {
			annotateRule(list.Children, body)
		}
	}
}

// annotateElements knows the sets of plumb's own table.
func annotateElements(nodes []wire.Node, body []byte) {
	table, set, list := named(nodes, "NFTA_SET_ELEM_LIST_TABLE"), named(nodes, "NFTA_SET_ELEM_LIST_SET"), named(nodes, "NFTA_SET_ELEM_LIST_ELEMENTS")
	if table == nil || set == nil || list == nil || table.Value != `"`+TableName+`"` {
		return
	}
	for _, s := range sets() {
		if set.Value != `"`+s.Name+`"` {
			continue
		}
		for i := range list.Children {
			element := list.Children[i].Children
			annotateData(named(element, "NFTA_SET_ELEM_KEY"), s.KeyType, body)
			annotateData(named(element, "NFTA_SET_ELEM_KEY_END"), s.KeyType, body)
			annotateData(named(element, "NFTA_SET_ELEM_DATA"), s.DataType, body)
		}
		return
	}
}

// valueOf is the value of the first of a node's attributes of a name; "" where there is none.
//
//go:noinline
func valueOf(node *wire.Node, attribute string) string {
	if n := named(node.Children, attribute); n != nil {
		return n.Value
	}
	return ""
}

// annotateRule follows what is in the registers.
func annotateRule(exprs []wire.Node, body []byte) {
	registers := map[string]DataType{}
	for i := range exprs {
		name, data := named(exprs[i].Children, "NFTA_EXPR_NAME"), named(exprs[i].Children, "NFTA_EXPR_DATA")
		if name == nil || data == nil {
			continue
		}
		switch name.Value {
		case `"meta"`:
			registers[valueOf(data, "NFTA_META_DREG")] = metaType(valueOf(data, "NFTA_META_KEY"))
		case `"payload"`:
			registers[valueOf(data, "NFTA_PAYLOAD_DREG")] = payloadType(valueOf(data, "NFTA_PAYLOAD_BASE"), valueOf(data, "NFTA_PAYLOAD_LEN"))
		case `"ct"`, `"fib"`:
			registers[valueOf(data, "NFTA_CT_DREG")+valueOf(data, "NFTA_FIB_DREG")] = typeNumber
		case `"bitwise"`:
			t := registers[valueOf(data, "NFTA_BITWISE_SREG")]
			annotateData(named(data.Children, "NFTA_BITWISE_MASK"), t, body)
			annotateData(named(data.Children, "NFTA_BITWISE_XOR"), t, body)
			registers[valueOf(data, "NFTA_BITWISE_DREG")] = t
		case `"cmp"`:
			annotateData(named(data.Children, "NFTA_CMP_DATA"), registers[valueOf(data, "NFTA_CMP_SREG")], body)
		case `"range"`:
			t := registers[valueOf(data, "NFTA_RANGE_SREG")]
			annotateData(named(data.Children, "NFTA_RANGE_FROM_DATA"), t, body)
			annotateData(named(data.Children, "NFTA_RANGE_TO_DATA"), t, body)
		}
	}
}

// metaType is the type of what meta loads; 0 where it is not known.
func metaType(key string) DataType {
	switch key {
	case "iifname", "oifname":
		return TypeIfName
	case "nfproto", "l4proto", "pkttype":
		return TypeInetProto
	case "mark", "iif", "oif", "iifgroup", "oifgroup", "skuid", "skgid", "length", "cpu":
		return typeNumber
	}
	return 0
}

// payloadType is the type of so many bytes of a header, of which the layer and the length tell well enough.
func payloadType(base, length string) DataType {
	switch {
	case base == NFT_PAYLOAD_NETWORK_HEADER.String() && length == "4":
		return TypeIPv4Addr
	case base == NFT_PAYLOAD_NETWORK_HEADER.String() && length == "16":
		return TypeIPv6Addr
	case base == NFT_PAYLOAD_TRANSPORT_HEADER.String() && length == "2":
		return TypeInetService
	case length == "1":
		return TypeInetProto
	}
	return 0
}

// annotateData shows the value in an attribute that holds data.
func annotateData(n *wire.Node, t DataType, body []byte) {
	if n == nil || t == 0 {
		return
	}
	if v := named(n.Children, "NFTA_DATA_VALUE"); v != nil {
		v.Value = registerValue(body[v.Offset+v.Header : v.Offset+v.Length]).typed(t)
	}
}

// named finds the first node of a name.
func named(nodes []wire.Node, name string) *wire.Node {
	for i := range nodes {
		if nodes[i].Name == name {
			return &nodes[i]
		}
	}
	return nil
}
