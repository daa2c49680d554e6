package container

import (
	"errors"
	"fmt"
	"time"

	"plumb/rtnl"
)

// sweepLinks removes the host ends that are of no use to anybody, all at once, and returns their names.
func (h *Host) sweepLinks(tell *story) (names []string, err error) {
	tell.next("look for links that nobody finishes", "an attach that was killed leaves a link that does not say whose it is")
	links, err := h.hostEnds()
	if err != nil {
		return nil, err
	}
	var errs []error
	suspects := map[uint32]bool{}
	patience := time.Now().Add(nameWait) // for all of them together
	for i := range links {
		lost, err := h.lost(&links[i], time.Until(patience))
		if errs = append(errs, err); lost {
			suspects[links[i].Index] = true
		}
	}
	if len(suspects) == 0 {
		return nil, errors.Join(errs...)
	}
	// While others were waited for, one may have been finished after all.
	links, err = h.hostEnds()
	errs = append(errs, err)
	var ends []rtnl.Link
	for i := range links {
		if !suspects[links[i].Index] {
			continue
		}
		lost, err := h.lost(&links[i], 0)
		if errs = append(errs, err); lost {
			ends, names = append(ends, links[i]), append(names, links[i].Name)
		}
	}
	leases, err := h.nat.Leases()
	if err != nil {
		return nil, errors.Join(append(errs, fmt.Errorf("read the leases: %w", err))...)
	}
	theirs, _ := leasesOfLinks(leases, ends)
	if len(ends) > 0 {
		errs = append(errs, h.detachEnds(tell, ends, nil, theirs))
	}
	return names, errors.Join(errs...)
}

// lost says whether a host end is of no use to anybody, and so old that nobody can be about to finish it. One that says nothing is given so long to say
// something.
func (h *Host) lost(link *rtnl.Link, patience time.Duration) (bool, error) {
	if dying(link) {
		return false, nil // it goes by itself
	}
	if going(link) {
		return true, nil // if DetachAll is still at it, it does the same
	}
	if id, named := identityOf(link); named {
		left, err := h.leftover(link)
		if now, timeErr := bootTime(); err != nil || !left || timeErr != nil || now-id.taken < settle {
			return false, err
		}
		return true, nil
	}
	// One without an alias is an attach's that is under way, or was killed. Its lease tells how old it is; without a lease, it
	// was killed unless it has one in a moment.
	if held, err := h.nat.Holding(link.Name); err == nil && held.Comment.IfIndex == link.Index {
		return false, nil // reclaim has looked at it
	}
	done, err := h.waitNamed(link.Index, patience)
	return err == nil && !done, err
}
