package main

import (
	"net/netip"
	"strconv"
	"strings"

	"plumb/container"
	"plumb/nat"
	"plumb/rtnl/trace"
)

// What --json prints is written by these few functions: encoding/json would make the binary a tenth larger, and all that
// it does besides is not needed here.

// jsonText is a JSON value (RFC 8259).
type jsonText string

func jsonNumber[N ~int | ~int64 | ~uint32 | ~uint64](n N) jsonText {
	return jsonText(strconv.FormatInt(int64(n), 10))
}

func jsonBool(b bool) jsonText { return jsonText(strconv.FormatBool(b)) }

// jsonPrefix and jsonAddr are null where there is none.
func jsonPrefix(p netip.Prefix) jsonText {
	if !p.IsValid() {
		return "null"
	}
	return jsonString(p.String())
}

func jsonAddr(a netip.Addr) jsonText {
	if !a.IsValid() {
		return "null"
	}
	return jsonString(a.String())
}

// jsonPorts are published ports. A host address of null means all.
func jsonPorts(ports []container.Publish) jsonText {
	var list []jsonText
	for i := range ports {
		p := &ports[i]
		list = append(list, jsonObject(
			"protocol", jsonString(nat.ProtoName(p.Proto)), "host", jsonAddr(p.Host), "hostPort", jsonNumber(int(p.HostPort)),
			"port", jsonNumber(int(p.Port)), "count", jsonNumber(int(p.Count)),
		))
	}
	return jsonList(list)
}

func jsonStrings(list []string) jsonText {
	var values []jsonText
	for _, s := range list {
		values = append(values, jsonString(s))
	}
	return jsonList(values)
}

// jsonString quotes s.
func jsonString(s string) jsonText {
	return jsonText(trace.AppendJSONString(make([]byte, 0, len(s)+2), s))
}

// jsonList is a list of values, [] where there are none.
func jsonList(values []jsonText) jsonText {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	return jsonText("[" + strings.Join(words, ", ") + "]")
}

// jsonObject is an object of the names and values that come in turn.
func jsonObject(namesAndValues ...jsonText) jsonText {
	var members []string
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		members = append(members, string(jsonString(string(namesAndValues[i]))+": "+namesAndValues[i+1]))
	}
	return jsonText("{" + strings.Join(members, ", ") + "}")
}
