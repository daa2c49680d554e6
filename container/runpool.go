package container

import (
	"context"
	"errors"
	"fmt"
)

// takeReady takes the container's network from the host's pool, where it is to, and one is ready. Where none is, it is made as without a pool.
func (r *runner) takeReady(ctx context.Context) error {
	if !r.spec.Pool {
		return nil
	}
	pool, err := r.host.OpenPool()
	if errors.Is(err, ErrNoPool) {
		r.host.notice(fmt.Sprintf("the network of %s is not from a pool: %v", r.spec.Network.Name, err))
		return nil
	}
	if err != nil {
		return err
	}
	r.pool = pool
	taken, err := pool.Take(ctx, r.spec.Network)
	if errors.Is(err, ErrPoolEmpty) || errors.Is(err, ErrNoPool) {
		r.host.notice(fmt.Sprintf("the network of %s is not from the pool: %v", r.spec.Network.Name, err))
		return nil
	}
	if err != nil {
		return fmt.Errorf("take a network for %s from the pool: %w", r.spec.Network.Name, err)
	}
	r.attachment, r.spec.Network, r.spec.Process.NetNS = taken.Attachment, taken.Network, taken.NetNS
	return nil
}

// refill puts into the pool what is missing there, beside the command that runs. What it returns has that end, with what it is just making, and waits
// for it.
func (r *runner) refill(ctx context.Context) (stop func()) {
	if r.pool == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.pool.Refill(ctx); err != nil {
			r.host.notice(fmt.Sprintf("the pool is not filled again: %v", err))
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// closePool closes the pool's descriptors.
func (r *runner) closePool() error {
	if r.pool == nil {
		return nil
	}
	return r.pool.Close()
}
