package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"plumb/container"
	"plumb/container/lab"
	"plumb/container/netns"
)

// Run measures the cases in a lab of its own: in turn, so that what else the machine does meets them alike, and each on a host of its own. It needs
// what lab.New needs.
func Run(ctx context.Context, o Options) (report *Report, err error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	report = &Report{Facts: Facts(), Command: o.Command != nil}
	l, err := lab.New(ctx, lab.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	var sites []*site
	defer func() {
		for _, s := range sites {
			err = errors.Join(err, s.end())
		}
	}()
	meter := meter{tell: o.Progress, start: time.Now()}
	for i, c := range o.Cases {
		s, err := newSite(ctx, l, &o, c, fmt.Sprint("case-", i))
		if s != nil {
			sites = append(sites, s)
		}
		if err == nil {
			err = s.fill(ctx, &meter)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c, err)
		}
	}
	for _, s := range sites {
		if err := s.warmUp(ctx, &meter); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Case, err)
		}
	}
	before := usageNow()
	if err := inTurn(ctx, sites, &meter); err != nil {
		return nil, err
	}
	report.Beside = before.since()
	for _, s := range sites {
		s.Result.finish()
		report.Results = append(report.Results, s.Result)
	}
	return report, nil
}

// inTurn runs rounds of all sites until each has its iterations: next always of that which has the least part of its own.
func inTurn(ctx context.Context, sites []*site, m *meter) error {
	m.begin("measure", len(sites)*sites[0].options.N)
	for {
		var next *site
		for _, s := range sites {
			if s.N < s.options.N && (next == nil || s.N < next.N) {
				next = s
			}
		}
		if next == nil {
			return nil
		}
		start := time.Now()
		n, err := next.round(ctx, min(next.Concurrency, next.options.N-next.N), true)
		if err != nil {
			return fmt.Errorf("%s: %w", next.Case, err)
		}
		next.Took += time.Since(start)
		m.add(n)
	}
}

// A site is a host on which a case is measured.
type site struct {
	Result
	Case
	options   *Options
	host      *lab.Host
	filler    *container.Host
	residents []*netns.NS
	workers   []*worker
}

func newSite(ctx context.Context, l *lab.Lab, o *Options, c Case, name string) (s *site, err error) {
	s = &site{Case: c, Result: Result{Case: c}, options: o}
	if s.host, err = l.AddHost(ctx, name, lab.HostOptions{}); err != nil {
		return nil, err
	}
	if s.filler, err = container.OpenHost(container.HostOptions{NS: s.host.NS()}); err != nil {
		return nil, err
	}
	for i := range c.Concurrency {
		w, err := newWorker(s, i)
		if err != nil {
			return s, err
		}
		s.workers = append(s.workers, w)
	}
	return s, nil
}

// fill attaches the containers that stay: as many as there are to be, and one more that keeps the table, unless it is to be made each time.
func (s *site) fill(ctx context.Context, m *meter) error {
	number := s.Containers
	if !s.Cold {
		number++
	}
	m.begin("attach what stays", number)
	for i := range number {
		ns, err := netns.New()
		if err != nil {
			return err
		}
		s.residents = append(s.residents, ns)
		if _, err := s.filler.Attach(ctx, s.Case.network(fmt.Sprint("stays", i), i, s.options.large()), ns); err != nil {
			return err
		}
		m.add(1)
	}
	return nil
}

func (s *site) warmUp(ctx context.Context, m *meter) error {
	m.begin("warm up", s.options.Warmup)
	for done := 0; done < s.options.Warmup; {
		n, err := s.round(ctx, min(s.Concurrency, s.options.Warmup-done), false)
		if err != nil {
			return err
		}
		done += n
		m.add(n)
	}
	return nil
}

// round has n workers make a container each, at once.
func (s *site) round(ctx context.Context, n int, counts bool) (done int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	all, errs := make([][]span, n), make([]error, n)
	if n == 1 { // without a hand-off
		all[0], errs[0] = s.workers[0].iterate(ctx)
	} else {
		var group sync.WaitGroup
		for i := range n {
			group.Go(func() { all[i], errs[i] = s.workers[i].iterate(ctx) })
		}
		group.Wait()
	}
	if counts {
		for _, spans := range all {
			s.Result.add(spans)
		}
	}
	return n, errors.Join(errs...)
}

// end takes away what stays.
func (s *site) end() error {
	var errs []error
	if len(s.residents) > 0 {
		_, err := s.filler.DetachAll("")
		errs = append(errs, err)
	}
	for _, ns := range s.residents {
		errs = append(errs, ns.Close())
	}
	for _, w := range s.workers {
		errs = append(errs, w.close())
	}
	return errors.Join(append(errs, s.filler.Close())...)
}
