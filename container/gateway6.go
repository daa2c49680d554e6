package container

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"strings"

	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// The gateway's address in a subnet of IPv6, by which containers reach the host's services, is on lo, once for all containers of the subnet. On
// each host end it would be there a thousand times: the kernel compares a new address with all that are equal (ipv6_add_addr,
// net/ipv6/addrconf.c), and adds a local route for each, which it walks whenever a link goes up (rt6_sync_up, net/ipv6/route.c). A local
// address is reached by any link, lo itself need not be up, and the rules say who may. IPv4 needs the address on the link,
// as the source of its ARP requests.
//
// The record of it is made in the batch that makes the subnet known, before the address is there, and the last one out takes the address away.

// gatewayRecord records a subnet's gateway on lo.
func gatewayRecord(subnet netip.Prefix) nat.Record {
	gateway := gatewayOf(subnet).String()
	hash := fnv.New32a()
	hash.Write([]byte(gateway))
	return nat.Record{Link: gatewayPrefix + hex.EncodeToString(hash.Sum(nil)), IPv6: true, Was: gatewayWord + gateway}
}

const (
	gatewayPrefix = "/lo-"
	gatewayWord   = "gateway="
)

func isGateway(r nat.Record) bool { return r.IPv6 && strings.HasPrefix(r.Link, gatewayPrefix) }

// sharedGateway6 is a gateway as an address of lo. There is no use for a route to it beside the local one.
func sharedGateway6(gateway netip.Addr) *rtnl.Addr {
	return rtnl.AddrOf(loIndex, netip.PrefixFrom(gateway, gateway.BitLen()), unix.IFA_F_NODAD|unix.IFA_F_NOPREFIXROUTE)
}

// isSharedGateway says whether a route is to the subnet's gateway on lo. One can be left of a table that somebody has flushed.
func isSharedGateway(r *rtnl.Route, subnet netip.Prefix) bool {
	return r.Type == unix.RTN_LOCAL && r.Out == loIndex && r.DstLen == 128 && r.Dst == gatewayOf(subnet)
}

// shareGateway6 puts a gateway's address on lo, if it is not there. The caller has a lease in the subnet: see nat.Conn.Leave.
func (h *Host) shareGateway6(gateway netip.Addr) error {
	return explainDisabled(ignore(unix.EEXIST, h.rtnl.Do(shareRequest(gateway))))
}

func shareRequest(gateway netip.Addr) wire.Request {
	return rtnl.NewAddr(sharedGateway6(gateway), "give lo the gateway's address "+gateway.String())
}

// explainDisabled says of a refused IPv6 address that the link may have none: net.ipv6.conf.*.disable_ipv6.
func explainDisabled(err error) error {
	if errors.Is(err, unix.EACCES) {
		return fmt.Errorf("%w: %w", errNoIPv6, err)
	}
	return err
}

// switchGateways takes recorded gateways off lo, or puts them there again.
func (h *Host) switchGateways(records []nat.Record, on bool) error {
	var errs []error
	for _, r := range records {
		gateway, err := netip.ParseAddr(strings.TrimPrefix(r.Was, gatewayWord))
		if err != nil {
			continue // another version's
		}
		if on {
			errs = append(errs, h.shareGateway6(gateway))
			continue
		}
		err = h.rtnl.Do(rtnl.DelAddr(sharedGateway6(gateway), "take the gateway's address "+gateway.String()+" off lo"))
		errs = append(errs, ignore(unix.EADDRNOTAVAIL, err))
	}
	return errors.Join(errs...)
}
