package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"plumb/container"
	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// baseName is what the container of the first worker is called. In what is reported all are called so.
const baseName = "web"

// A worker makes containers on a host, one after the other, with sockets of its own.
type worker struct {
	name     string
	network  container.Network
	command  []string
	host     *container.Host
	look     *rtnl.Conn // on the host
	ns       *netns.NS  // the host's
	recorder *recorder
}

func newWorker(s *site, number int) (*worker, error) {
	w := &worker{name: baseName, command: s.options.Command, ns: s.host.NS(), recorder: newRecorder()}
	if number > 0 {
		w.name += fmt.Sprint(number)
	}
	w.network = s.Case.network(w.name, s.Containers+1+number, s.options.large())
	var err error
	if w.host, err = container.OpenHost(container.HostOptions{NS: w.ns, Tracer: w.recorder}); err != nil {
		return nil, err
	}
	if w.look, err = w.dial(); err != nil {
		return nil, errors.Join(err, w.host.Close())
	}
	return w, nil
}

// dial opens a socket on the host that is not traced.
func (w *worker) dial() (*rtnl.Conn, error) {
	return netns.Open(w.ns, func() (*rtnl.Conn, error) { return rtnl.Dial(wire.Config{}) })
}

func (w *worker) close() error { return errors.Join(w.look.Close(), w.host.Close()) }

// An iteration is one container, from its beginning to its end.
type iteration struct {
	*worker
	spans   []span
	process *container.Process
	ns      *netns.NS
	events  *rtnl.Conn
	made    *container.Attachment
}

// iterate makes a container and removes it, and returns what took how long. The order of the spans is that in which they began.
func (w *worker) iterate(ctx context.Context) (spans []span, err error) {
	i := iteration{worker: w}
	w.recorder.take(w.name, 0)
	err = i.setUp(ctx)
	if err == nil {
		err = i.watch()
	}
	return i.spans, errors.Join(err, i.takeDown(ctx))
}

// timed does one thing, and keeps how long it took, before what was traced meanwhile.
func (i *iteration) timed(label string, depth int, do func() error) error {
	at := len(i.spans)
	i.spans = append(i.spans, span{key: label, label: label, depth: depth, start: time.Now()})
	err := do()
	i.spans[at].took = time.Since(i.spans[at].start)
	if depth > 0 || label == TearDown {
		i.spans = append(i.spans, i.recorder.take(i.name, depth+1)...)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", label, err)
	}
	return nil
}

func (i *iteration) setUp(ctx context.Context) error {
	return i.timed(SetUp, 0, func() (err error) {
		if i.command == nil {
			err = i.timed(Namespace, 1, func() (err error) {
				i.ns, err = netns.New()
				return err
			})
		} else {
			err = i.timed(Clone, 1, i.clone(ctx))
		}
		if err != nil {
			return err
		}
		if err := i.timed(Attach, 1, func() (err error) {
			i.made, err = i.host.Attach(ctx, i.network, i.ns)
			return err
		}); err != nil {
			return err
		}
		if i.process == nil {
			return nil
		}
		return i.timed(Ready, 1, func() error {
			return i.process.Release(container.Files{Hosts: container.HostsFile(i.name, nil, nil), Hostname: i.name + "\n"})
		})
	})
}

func (i *iteration) clone(ctx context.Context) func() error {
	return func() (err error) {
		i.process, err = container.StartProcess(ctx, container.ProcessSpec{Args: i.command, Hostname: i.name})
		if err == nil {
			i.ns = i.process.NetNS()
		}
		return err
	}
}

// watch begins to listen for the end of the link.
func (i *iteration) watch() (err error) {
	if i.events, err = i.dial(); err != nil {
		return err
	}
	return i.events.Subscribe(rtnl.GroupLink)
}

// takeDown removes what setUp has made, as far as that came.
func (i *iteration) takeDown(ctx context.Context) error {
	var errs []error
	if i.process != nil {
		errs = append(errs, i.timed(Ended, 0, func() error {
			i.process.Kill()
			_, err := i.process.Wait()
			return err
		}))
	}
	if i.made != nil {
		start := time.Now()
		errs = append(errs, i.timed(TearDown, 0, i.detach))
		if i.events != nil {
			at := len(i.spans)
			errs = append(errs, i.timed(Gone, 0, func() error { return i.gone(ctx) }))
			i.spans[at].start, i.spans[at].took = start, time.Since(start)
		}
	}
	if i.process == nil && i.ns != nil {
		errs = append(errs, i.ns.Close())
	}
	if i.events != nil {
		errs = append(errs, i.events.Close())
	}
	return errors.Join(errs...)
}

// detach takes the network of a namespace that stays, or of a process that has ended, which is the less.
func (i *iteration) detach() error {
	if i.process != nil {
		return i.host.Release(i.made)
	}
	found, err := i.host.Detach(i.name)
	if err == nil && !found {
		err = errors.New("it was not there")
	}
	return err
}

// goneTime is how long the kernel may take to remove a link. It takes some 20 ms, and more where it is busy.
const goneTime = 30 * time.Second

var errGone = errors.New("the link is gone")

// gone waits for the event that tells of the link's end, which has come by now, or comes. Where so many come and go that events are lost, it looks.
func (i *iteration) gone(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, goneTime)
	defer cancel()
	for {
		err := i.events.Events(ctx, func(e rtnl.Event) error {
			if e.Deleted && e.Link != nil && e.Link.Index == i.made.HostIndex {
				return errGone
			}
			return nil
		})
		if errors.Is(err, unix.ENOBUFS) {
			_, err = i.look.LinkByIndex(i.made.HostIndex)
		}
		switch {
		case errors.Is(err, errGone), errors.Is(err, unix.ENODEV):
			return nil
		case err != nil:
			return err
		}
	}
}
