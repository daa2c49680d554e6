package container

import (
	"errors"
	"fmt"
	"slices"

	"plumb/nat"

	"golang.org/x/sys/unix"
)

// DetachEach is Detach for each of the names, with all links that say whose they are removed at once, as DetachAll removes them: 100 take little longer
// than one. It returns the names of those that were there, in the order in which they were given. One that fails does not keep the others.
func (h *Host) DetachEach(names ...string) (gone []string, err error) {
	found, linked := map[string]bool{}, map[string]bool{}
	var errs []error
	if len(names) > 1 {
		err := h.detachNamed(names, found, linked)
		if errors.Is(err, unix.EPERM) {
			return nil, err
		}
		errs = append(errs, err)
	}
	// What is left has no link, or one that does not say whose it is, or is not there.
	for _, name := range names {
		if linked[name] {
			continue
		}
		was, err := h.Detach(name)
		found[name] = found[name] || was
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	for _, name := range names {
		if found[name] && !slices.Contains(gone, name) {
			gone = append(gone, name)
		}
	}
	return gone, errors.Join(errs...)
}

// detachNamed detaches those of the names that have a link that says so, and takes the leases of the names that have none out of the table. It says who
// was found, and whose link.
func (h *Host) detachNamed(names []string, found, linked map[string]bool) (err error) {
	tell := h.story()
	defer func() { tell.end(err) }()
	tell.next("find what there is", "links that say whose they are, and the leases of before")
	ends, ids, err := h.endsOf(func(id *identity) bool { return slices.Contains(names, id.name) })
	if err != nil {
		return err
	}
	leases, err := h.nat.Leases()
	if err != nil {
		return needAdmin(fmt.Errorf("read the leases: %w", err))
	}
	theirs, others := leasesOfLinks(leases, ends)
	outlived, err := h.outlived(others, names)
	if len(ends)+len(outlived) == 0 {
		return err
	}
	for i := range ids {
		found[ids[i].name], linked[ids[i].name] = true, true
	}
	for i := range outlived {
		found[outlived[i].Comment.Name] = true
	}
	errs := []error{err, h.detachEnds(&tell, ends, ids, append(theirs, outlived...))}
	tell.end(errors.Join(errs...))
	return errors.Join(append(errs, h.leave())...)
}

// outlived are those leases of the names that have no link any more.
func (h *Host) outlived(leases []nat.Lease, names []string) (stales []nat.Lease, err error) {
	var errs []error
	for i := range leases {
		if !slices.Contains(names, leases[i].Comment.Name) {
			continue
		}
		_, state, err := h.holder(&leases[i])
		if errs = append(errs, err); err == nil && state == stale {
			stales = append(stales, leases[i])
		}
	}
	return stales, errors.Join(errs...)
}
