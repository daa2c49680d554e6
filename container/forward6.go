package container

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// IPv6 is forwarded by all links or by none (net.ipv6.conf.all.forwarding; see Documentation/networking/ip-sysctl.rst). To switch it on sets the
// flag of each link, and makes the kernel drop the default routes that links have from router advertisements, and hear no more of those, unless
// accept_ra is 2. To switch it off clears the flag of each link. So what is to be put back is more than one value, and all
// of it stands in the records: for a link, what its sysctls were.

// The records of IPv6 that are of no single link.
const (
	allLinks6 = "/all"     // net.ipv6.conf.all.forwarding was 0
	newLinks6 = "/default" // net.ipv6.conf.default.forwarding, which the switch sets too, was 1
)

const raReceived = 0x20 // IF_RA_RCVD, net/if_inet6.h of the kernel: a router advertisement has come by this link

// forwards6 reports whether the host forwards IPv6. The error wraps errNoIPv6 where the kernel has none.
func (h *Host) forwards6() (bool, error) {
	on, err := h.rtnl.Forwards(rtnl.IPv6)
	if err == nil {
		h.ipv6.Store(true)
	}
	return on, noIPv6(err)
}

// noIPv6 says of the refusal to tell whether IPv6 is forwarded what it means.
func noIPv6(err error) error {
	if err == nil || errors.Is(err, unix.EPERM) {
		return err
	}
	return fmt.Errorf("%w (%w)", errNoIPv6, err)
}

// knowsIPv6 finds out whether the kernel has IPv6, which it does not lose again.
func (h *Host) knowsIPv6() error {
	if h.ipv6.Load() {
		return nil
	}
	_, err := h.forwards6()
	return err
}

// errNoIPv6 is in the chain of an error that a container without IPv6 would not have met.
var errNoIPv6 = errors.New("there is no IPv6 to be had")

// forward6 makes the host forward IPv6, if it does not, and records first what is to be put back. It returns what is recorded, if it has switched.
//
// Who else switches it on at this moment records that first. Either his record changes the generation id, and what was read here of the links is of
// before; or it is there already, and what can be read of the links may be half of before and half of after: then his record is it.
//
// Where links come so fast that they cannot be listed, others attach, and one of them has switched it on, or is about to.
func (h *Host) forward6() ([]nat.Record, error) {
	const tries = 64 // of the list
	var records []nat.Record
	for lists := 1; ; lists++ {
		gen, err := h.nat.GenID()
		if err != nil {
			return nil, err
		}
		if on, err := h.forwards6(); err != nil || on {
			return nil, err
		}
		known, err := h.nat.RecordsOf(true)
		if err != nil {
			return nil, err
		}
		recorded := false
		records = nil
		for _, r := range known {
			recorded = recorded || r.Link == allLinks6
			if !isGateway(r) {
				records = append(records, r)
			}
		}
		if recorded {
			break
		}
		records, err = h.before6()
		if errors.Is(err, wire.ErrInterrupted) && lists < tries {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err = h.nat.RecordAt(gen, records...); err == nil {
			break
		}
		if !errors.Is(err, nat.ErrStale) {
			return nil, err
		}
	}
	if err := h.switchForwarding6(records, true); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoIPv6, err)
	}
	return records, nil
}

// before6 is what a switch of all links to forwarding changes.
func (h *Host) before6() ([]nat.Record, error) {
	records := []nat.Record{{Link: allLinks6, IPv6: true}}
	if was, err := h.readSysctl("net.ipv6.conf.default.forwarding"); err == nil && was != "0" {
		records = append(records, nat.Record{Link: newLinks6, IPv6: true, Was: "forwarding=" + was})
	}
	links, err := h.rtnl.Links()
	if err != nil {
		return nil, fmt.Errorf("look which links have routes from router advertisements: %w", err)
	}
	for i := range links {
		l := &links[i]
		if l.Group == LinkGroup || l.AF == nil || l.AF.Inet6 == nil {
			continue
		}
		var was []string
		for _, id := range []rtnl.ConfID6{rtnl.Conf6AcceptRA, rtnl.Conf6Forwarding} {
			value, _ := l.Conf6().Value(id)
			if value == 1 && (id == rtnl.Conf6Forwarding || l.AF.Inet6.Flags&raReceived != 0) {
				was = append(was, fmt.Sprintf("%s=%d", id, value))
			}
		}
		if was != nil {
			records = append(records, nat.Record{Link: l.Name, IPv6: true, Was: strings.Join(was, " ")})
		}
	}
	return records, nil
}

// switchForwarding6 switches forwarding on, or puts back what the records say. What someone else has changed since is left alone.
func (h *Host) switchForwarding6(records []nat.Record, on bool) error {
	if len(records) == 0 {
		return nil
	}
	if on {
		return errors.Join(h.acceptRA(records, "1", "2"), h.writeSysctl("net.ipv6.conf.all.forwarding", "1"))
	}
	now, err := h.forwards6()
	if err != nil {
		return err
	}
	if now {
		if err := h.writeSysctl("net.ipv6.conf.all.forwarding", "0"); err != nil {
			return err
		}
		for _, r := range records {
			if was, changed := was6(r, rtnl.Conf6Forwarding); changed {
				err = errors.Join(err, h.setConf6(r.Link, rtnl.Conf6Forwarding, was))
			}
		}
	}
	return errors.Join(err, h.acceptRA(records, "2", "1"))
}

// acceptRA sets accept_ra of the recorded links where it has the one value to the other.
func (h *Host) acceptRA(records []nat.Record, from, to string) error {
	for _, r := range records {
		if _, changed := was6(r, rtnl.Conf6AcceptRA); !changed {
			continue
		}
		now, err := h.readSysctl(conf6Name(r.Link, rtnl.Conf6AcceptRA))
		if errors.Is(err, unix.ENOENT) {
			continue // the link has gone
		}
		if err == nil && now == from {
			err = h.setConf6(r.Link, rtnl.Conf6AcceptRA, to)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// setConf6 sets an IPv6 sysctl of a link. One that has gone is no failure.
func (h *Host) setConf6(link string, id rtnl.ConfID6, value string) error {
	return ignore(unix.ENOENT, h.writeSysctl(conf6Name(link, id), value))
}

// conf6Name is written with slashes, since a link's name may have dots.
func conf6Name(link string, id rtnl.ConfID6) string {
	return "net/ipv6/conf/" + strings.TrimPrefix(link, "/") + "/" + id.String()
}

// was6 is the value that a sysctl of a record had; changed is false where it is not one of those that were changed.
func was6(r nat.Record, id rtnl.ConfID6) (value string, changed bool) {
	for _, word := range strings.Fields(r.Was) {
		if key, value, ok := strings.Cut(word, "="); ok && key == id.String() {
			if _, err := strconv.Atoi(value); err == nil {
				return value, true
			}
		}
	}
	return "", false
}
