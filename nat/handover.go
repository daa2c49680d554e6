package nat

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// A HandOver says what changes in the table when an attachment that stands is given to somebody else.
type HandOver struct {
	Attachment         // as it is to be: the addresses and the link are those that it has; Publish and Options are added to what it has
	Has        Options // that it had before
}

// HandOver gives all that the table holds of an attachment another name, and publishes ports, in one batch: an element's comment cannot be changed, so
// each is taken out and put in again. No packet meets the moment in between, for there is none. Host ports that are not given it chooses, and leaves in o.
//
// Errors: unix.ENOENT where the table holds nothing of the link: somebody has flushed it; *PublishedError for a port; else the kernel's.
func (c *Conn) HandOver(o *HandOver) error {
	if err := o.check(); err != nil {
		return err
	}
	given := slices.Clone(o.Publish)
	for range staleTries {
		gen := uint32(0) // who publishes nothing takes nothing that another could want
		if len(given) > 0 {
			var err error
			if gen, err = c.GenID(); err != nil {
				return err
			}
			copy(o.Publish, given)
			if err = c.choosePorts(&o.Attachment); err != nil {
				return err
			}
		}
		p := o.plan()
		err := c.BatchAt(gen, p.requests...)
		if err == nil || errors.Is(err, unix.ENOENT) {
			return err
		}
		if errors.Is(err, ErrStale) {
			continue
		}
		if again, reason := c.whyNot(err, 0, p); !again {
			return reason
		}
	}
	return fmt.Errorf("hand %s over to %s: %w, %d times over", o.Link, o.Comment.Name, ErrStale, staleTries)
}

// plan is what changes. The element of map link comes first: where it is there, so are all others, and they are this attachment's.
func (o *HandOver) plan() *plan {
	a := &o.Attachment
	p := &plan{link: a.Link, requests: make([]wire.Request, 0, 12), steps: make([]step, 0, 12)}
	h := Holding{Link: a.Link, Comment: a.Comment, IPv4: a.IPv4.Addr, IPv6: a.IPv6.Addr}
	h.Comment.Options = o.Has | a.Options
	if len(a.Publish) > 0 {
		h.Comment.Options |= ports
	}
	if a.Police > 0 {
		h.Comment.Options |= rate
	}
	name := CommentData(a.Comment.Name)
	p.rename(linkMap, a, h.element())
	for _, l := range a.Leases() {
		f := familyOf(l.Addr)
		p.rename(f.lease, a, l.element())
		members := []Element{{Key: memberKey(a.Link, l.Addr), UserData: name}}
		if f == &ipv6 {
			members = append(members, Element{Key: memberKey(a.Link, LinkLocal), UserData: name})
		}
		p.rename(f.member, a, members...)
	}
	for _, s := range optionSets() {
		if a.Options&^o.Has&s.option != 0 {
			p.add(step{}, s.set, 0, s.purpose+a.Link, Element{Key: &Data{Value: IfName(a.Link)}, UserData: name})
		}
	}
	a.planPorts(p)
	return p
}

// rename takes elements out of a set and puts them in again.
func (p *plan) rename(set string, a *Attachment, elements ...Element) {
	old := &ElementList{Header: inet, Table: TableName, Set: set}
	for i := range elements {
		old.Elements = append(old.Elements, Element{Key: elements[i].Key})
	}
	p.append(step{}, delSetElem.New(0, old, "take what was in "+set+" of "+a.Link))
	p.add(step{}, set, netlink.Excl, "say in "+set+" that "+a.Link+" is "+a.Comment.Name+"'s", elements...)
}
