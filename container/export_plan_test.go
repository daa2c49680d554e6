package container

import (
	"math/rand/v2"
	"time"
)

// WithoutChance makes a Host choose the same indexes and Ethernet addresses as any other that it was called for, and take its leases at the same time.
func (h *Host) WithoutChance() *Host {
	r := rand.New(rand.NewPCG(1, 2))
	h.chance, h.clock = r.Uint32, func() (time.Duration, error) { return 1234 * time.Second, nil }
	return h
}
