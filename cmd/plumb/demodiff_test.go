package main

import "testing"

// A container of before the demo that ends while it runs is no fault of the demo's; what it leaves, or takes away else, is.
func TestEndedMeanwhile(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"link pl-web: gone (ifi_family AF_UNSPEC)":               true,
		"address 10.0.0.2/32 local 10.0.0.1 dev pl-web: gone":    true,
		"route AF_INET RTN_UNICAST 10.0.0.2/32 dev pl-web: gone": true,
		"neighbour fd70:6c75:6d62::2 dev pl-web: gone":           true,
		"link pl-demo: left behind":                              false,
		"link uplink0: IFLA_MTU is 1400, was 1500":               false,
		"sysctl net/ipv4/ip_forward: value is 1, was 0":          false,
		"nft table inet plumb: gone":                             false,
		"rule 32766 AF_INET from all lookup 254: gone":           false,
		"mount /tmp: gone (type tmpfs)":                          false,
	} {
		if got := endedMeanwhile(line); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}
