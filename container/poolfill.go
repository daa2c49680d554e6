package container

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Filled is what FillPool has done.
type Filled struct{ Made, Removed int }

// FillPool makes the pool of the host that all processes there share as large as o says, or makes one: from then on it lives without this process, which
// has started another, the holder. A pool that is there has networks of one kind: where o.Network says something, it must be the same. With size 0 the
// pool is emptied, and goes.
func (h *Host) FillPool(ctx context.Context, o PoolOptions) (done Filled, err error) {
	n, err := o.check()
	if err == nil && h.plans {
		err = errPlanned
	}
	if err != nil {
		return done, err
	}
	if o.Size == 0 {
		done.Removed, err = h.DrainPool()
		return done, err
	}
	s, err := h.lockPool(func() (*SharedPool, error) { return h.openOrMakePool(&n, o.Size) })
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	had, want := s.mark.net.poolWords(), n.poolWords()
	if len(want) > 0 && !slices.Equal(had, want) {
		return done, explained(unix.EEXIST, "the pool has networks of another kind (%s): empty it first with plumb pool drain", orNone(had))
	}
	if s.mark.size != o.Size {
		s.mark.size = o.Size
		if err := h.mark(s.link.Index, &s.mark); err != nil {
			return done, err
		}
	}
	if done.Removed, err = s.sift(o.Size); err != nil {
		return done, err
	}
	done.Made, err = s.fill(ctx)
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return done, err
}

// lockPool opens the pool for one who fills or empties it, and is alone in that. While he waited somebody may have emptied it for good.
func (h *Host) lockPool(open func() (*SharedPool, error)) (*SharedPool, error) {
	for {
		s, err := open()
		if err != nil {
			return nil, err
		}
		if _, err = s.lock(true); err == nil {
			var same bool
			if same, err = s.again(); same && err == nil {
				return s, nil
			}
		}
		if err = errors.Join(err, s.Close()); err != nil {
			return nil, err
		}
	}
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "without options"
	}
	return fmt.Sprint(words)
}

// openOrMakePool opens the pool, or makes an empty one. Of several who make one at a time, one has the name of the link.
func (h *Host) openOrMakePool(n *Network, size int) (*SharedPool, error) {
	const tries = 16 // at each, somebody else has come or gone in between
	var err error
	for range tries {
		var s *SharedPool
		if s, err = h.OpenPool(); err == nil || !errors.Is(err, ErrNoPool) {
			return s, err
		}
		if err := h.clearPool(); err != nil {
			return nil, err
		}
		if err = h.makePool(n, size); err != nil && !errors.Is(err, unix.EEXIST) {
			return nil, err
		}
	}
	return nil, err
}

// clearPool removes a link that is of no pool any more. One that says nothing may say so in a moment.
func (h *Host) clearPool() error {
	link, err := h.rtnl.LinkByName(poolLink)
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for the pool: %w", err)
	}
	if !dying(link) && link.Alias == "" {
		if done, err := h.waitNamed(link.Index, nameWait); err != nil || done {
			return err
		}
	}
	if _, mark, err := h.findPool(); err == nil {
		if s, err := h.OpenPool(); err == nil {
			return s.Close()
		}
		gone := dying(link)
		if !gone {
			if gone, err = h.waitGone(context.Background(), link.Index, nameWait); err != nil {
				return err
			}
		}
		if !gone {
			return explained(unix.ENXIO, "the pool's holder is not process %d as it is seen here: run plumb in the pid namespace that the pool was filled in, "+
				"or remove link %s, and the pool with it", mark.pid, poolLink)
		}
	}
	return h.remove(link.Index, poolLink)
}

// makePool starts a holder, and makes the link that tells of it.
func (h *Host) makePool(n *Network, size int) error {
	tell := h.story()
	start := tell.now()
	c, err := startHolder()
	tell.did(hostName, start, err, "unshare(CLONE_NEWNET); socketpair(AF_UNIX); clone: the process that holds the pool")
	if err != nil {
		return err
	}
	index := h.randomIndex()
	if err = h.pairPool(index, c.ns.FD()); err != nil {
		return errors.Join(needAdmin(err), c.drop())
	}
	// It stays before anybody can find it: who did might else fill a pool whose holder ends with us. A link that says nothing is removed in time.
	m := &poolMark{pid: c.process.Pid, take: holderTakeFD, give: holderGiveFD, inode: c.inode, size: size, net: *n}
	if err = c.stay(); err == nil {
		err = h.mark(index, m)
	}
	if err != nil {
		err = errors.Join(err, h.remove(index, poolLink))
	}
	return err
}

// sift goes through the queue once, and removes what somebody has detached and what is more than most. Others may take meanwhile, and find it empty.
func (s *SharedPool) sift(most int) (removed int, err error) {
	ready, err := s.Ready()
	if err != nil {
		return 0, err
	}
	var surplus []*readyNet
	kept := 0
	for range ready {
		r, err := s.receive()
		if errors.Is(err, ErrPoolEmpty) {
			break
		}
		if err != nil {
			return 0, errors.Join(err, s.host.discardAll(surplus))
		}
		_, lookup := s.host.rtnl.LinkByIndex(r.HostIndex)
		switch {
		case errors.Is(lookup, unix.ENODEV) || kept >= most:
			surplus = append(surplus, r)
		case s.send(r) != nil:
			surplus = append(surplus, r)
		default:
			kept++
		}
	}
	return len(surplus), s.host.discardAll(surplus)
}

// sweepPool removes the namespaces of networks that somebody has detached, and the link of a pool that has lost its holder.
func (h *Host) sweepPool() (removed int, err error) {
	s, err := h.lockPool(h.OpenPool)
	if errors.Is(err, ErrNoPool) {
		return 0, ignore(unix.ENXIO, h.clearPool()) // it cannot be seen from here
	}
	if err != nil {
		return 0, err
	}
	removed, err = s.sift(s.mark.size)
	return removed, errors.Join(err, s.Close())
}

// DrainPool empties the host's pool, and removes it. It returns how many networks were ready.
func (h *Host) DrainPool() (removed int, err error) {
	if h.plans {
		return 0, errPlanned
	}
	s, err := h.lockPool(h.OpenPool)
	if errors.Is(err, ErrNoPool) {
		return 0, errors.Join(h.clearPool(), h.leave()) // whoever emptied it may have been killed
	}
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	removed, err = s.sift(0)
	return removed, errors.Join(err, h.remove(s.link.Index, poolLink), h.leave())
}
