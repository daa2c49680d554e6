package container

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"plumb/container/netns"
	"plumb/rtnl"

	"golang.org/x/sys/unix"
)

// A SharedPool is the pool of a host that all processes there share: see FillPool. It may be used by several goroutines.
type SharedPool struct {
	host *Host
	link *rtnl.Link
	mark poolMark
	take int // the ends of the holder's socket
	give int
	ns   *netns.NS // of the holder; its file is what fillers lock

	mu    sync.Mutex
	later []*taking // whose comments in the table are to follow
}

// OpenPool opens the host's pool. The error is ErrNoPool where there is none.
func (h *Host) OpenPool() (*SharedPool, error) {
	if h.plans {
		return nil, errPlanned
	}
	link, mark, err := h.findPool()
	if err != nil {
		return nil, err
	}
	s := &SharedPool{host: h, link: link, mark: mark, take: -1, give: -1}
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("reach the pool's holder, process %d: %w", mark.pid, err), s.Close())
	}
	return s, nil
}

// open gets the holder's descriptors. Its number may be another process's by now, or be of another pid namespace; the socket's inode tells.
func (s *SharedPool) open() error {
	pidfd, err := unix.PidfdOpen(s.mark.pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("%w: its process has ended, or is not seen in this pid namespace", ErrNoPool)
	}
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	for _, end := range []struct {
		theirs int
		ours   *int
	}{{s.mark.take, &s.take}, {s.mark.give, &s.give}} {
		// PTRACE_MODE_ATTACH_REALCREDS is needed: the same user, or CAP_SYS_PTRACE; and CAP_SYS_PTRACE where Yama says so.
		if *end.ours, err = unix.PidfdGetfd(pidfd, end.theirs, 0); err != nil {
			*end.ours = -1
			if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EBADF) {
				return fmt.Errorf("%w: its process has just ended, or is another one", ErrNoPool)
			}
			return fmt.Errorf("get its descriptor %d (pidfd_getfd, Linux 5.6): %w", end.theirs, err)
		}
	}
	var st unix.Stat_t
	if err := unix.Fstat(s.take, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK || st.Ino != s.mark.inode {
		return fmt.Errorf("%w: that process is another one", ErrNoPool)
	}
	return nil
}

// Close has the table name those who have taken, if Refill has not, and closes the pool's descriptors. The pool stays.
func (s *SharedPool) Close() error {
	errs := []error{s.follow()}
	for _, fd := range []*int{&s.take, &s.give} {
		if *fd >= 0 {
			errs = append(errs, unix.Close(*fd))
			*fd = -1
		}
	}
	if s.ns != nil {
		errs = append(errs, s.ns.Close())
		s.ns = nil
	}
	return errors.Join(errs...)
}

// Size is how many networks there should be, and Holder the process that holds them.
func (s *SharedPool) Size() int   { return s.mark.size }
func (s *SharedPool) Holder() int { return s.mark.pid }

// readySize is how long the message of a network is: the same for all, so that what waits to be read tells how many there are.
const readySize = 512

// Ready is how many networks are ready.
func (s *SharedPool) Ready() (int, error) {
	n, err := unix.IoctlGetInt(s.take, unix.TIOCINQ) // SIOCINQ, unix(7)
	return n / readySize, err
}

// ErrPoolEmpty is in the chain of an error where no network is ready.
var ErrPoolEmpty = errors.New("no network is ready in the pool")

// receive takes a network out of the queue. The kernel gives it to one alone.
func (s *SharedPool) receive() (*readyNet, error) {
	var text [readySize]byte
	control := make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := unix.Recvmsg(s.take, text[:], control, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return nil, ErrPoolEmpty
	case err != nil:
		return nil, fmt.Errorf("take a network from the pool: %w", err)
	case n == 0:
		return nil, ErrNoPool // the holder has ended
	}
	messages, err := unix.ParseSocketControlMessage(control[:oobn])
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("take a network from the pool: it came without its namespace (RLIMIT_NOFILE?): %w", errors.Join(err, unix.EMFILE))
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("take a network from the pool: %w", errors.Join(err, unix.EBADMSG))
	}
	ns, err := netns.FromFD(fds[0])
	if err != nil {
		return nil, err
	}
	r, err := parseReady(string(text[:n]))
	if err != nil {
		return nil, errors.Join(err, ns.Close())
	}
	r.ns = ns
	return r, nil
}

// send puts a network into the queue. From then on it lives as long as the holder, or who takes it.
func (s *SharedPool) send(r *readyNet) error {
	text := r.text()
	if len(text) > readySize {
		return fmt.Errorf("put a network into the pool: it takes %d bytes to tell of, %d is the most: %w", len(text), readySize, unix.EMSGSIZE)
	}
	padded := slices.Concat([]byte(text), slices.Repeat([]byte{' '}, readySize-len(text)))
	err := unix.Sendmsg(s.give, padded, unix.UnixRights(r.ns.FD()), nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if err != nil {
		return fmt.Errorf("put a network into the pool: %w", err)
	}
	return r.ns.Close()
}

// Take gives a container a network that is ready. What n leaves open is as the pool has it; what the pool has not is a *FlagError, see Host.Attach for
// others. Without a name the container keeps the one that the network was made with, which takes less than half the time: until Refill, or Close, has said
// that it is in use, it is listed as ready. Who listens to what happens to links, such as those who answer names for other containers, hears of a name with that, too. The error is ErrPoolEmpty where none is ready.
func (s *SharedPool) Take(ctx context.Context, n Network) (*Taken, error) {
	if err := n.checkTaken(); err != nil {
		return nil, err
	}
	for {
		r, err := s.receive()
		if err != nil {
			return nil, err
		}
		taken, later, sound, err := s.host.taken(ctx, r, n, &s.mark.net)
		switch {
		case err == nil:
			s.mu.Lock()
			s.later = append(s.later, later)
			s.mu.Unlock()
			return taken, nil
		case sound:
			if back := s.send(r); back != nil {
				return nil, errors.Join(err, back, s.host.discard(r))
			}
			return nil, err
		case !isGone(err):
			return nil, errors.Join(err, s.host.discard(r))
		}
		s.host.discard(r) // somebody has detached it
	}
}

// lock makes us the only one who fills or empties the pool, until Close or our end. Another one is waited for, or, without wait, locked is false.
func (s *SharedPool) lock(wait bool) (locked bool, err error) {
	pidfd, err := unix.PidfdOpen(s.mark.pid, 0)
	if err == nil {
		// Opened anew, it is a file of ours alone: a duplicate of the holder's would have its lock (flock(2)).
		s.ns, err = netns.FromPidfd(pidfd)
		unix.Close(pidfd)
	}
	if err != nil {
		return false, fmt.Errorf("lock the pool: %w", err)
	}
	how := unix.LOCK_EX
	if !wait {
		how |= unix.LOCK_NB
	}
	for {
		switch err = unix.Flock(s.ns.FD(), how); {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("lock the pool: %w", err)
		}
		return true, nil
	}
}

// again looks whether the pool is the same as when it was opened, and how large it should be by now.
func (s *SharedPool) again() (same bool, err error) {
	link, mark, err := s.host.findPool()
	if errors.Is(err, ErrNoPool) {
		return false, nil
	}
	if err != nil || link.Index != s.link.Index {
		return false, err
	}
	s.mark.size = mark.size
	return true, nil
}

// fill makes networks until there are as many as there should be, or ctx ends; one at least, where there are too few.
func (s *SharedPool) fill(ctx context.Context) (made int, err error) {
	for {
		ready, err := s.Ready()
		if err != nil || ready >= s.mark.size || made > 0 && ctx.Err() != nil {
			return made, err
		}
		r, err := s.host.makeReady(context.WithoutCancel(ctx), s.mark.net, s.mark.pid)
		if err != nil {
			return made, err
		}
		if err := s.send(r); err != nil {
			return made, errors.Join(err, s.host.discard(r))
		}
		made++
	}
}

// Refill has the table name those who have taken, and makes what is missing in the pool, unless somebody else is at it. It goes on until there are as many as there should be or ctx ends, but makes one
// at least.
func (s *SharedPool) Refill(ctx context.Context) error {
	named := s.follow()
	locked, err := s.lock(false)
	same := false
	if err == nil && locked {
		same, err = s.again()
	}
	if same {
		_, err = s.fill(ctx)
	}
	if s.ns != nil {
		err = errors.Join(err, s.ns.Close())
		s.ns = nil
	}
	return errors.Join(named, err)
}

// follow has the table name those who have taken.
func (s *SharedPool) follow() error {
	s.mu.Lock()
	later := s.later
	s.later = nil
	s.mu.Unlock()
	return followAll(later)
}
