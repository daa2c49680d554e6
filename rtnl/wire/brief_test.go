package wire

import (
	"testing"

	"github.com/mdlayher/netlink"
)

// A datagram that is larger than the send buffer, of 208 KiB by default, is sent all the same.
func TestBriefSendsMuch(t *testing.T) {
	t.Parallel()
	inFreshNamespace(t, func() error {
		c, err := Dial(Config{Protocol: linkProtocol, Brief: true})
		if err != nil {
			return err
		}
		defer c.Close()
		const many = 8000 // of 40 bytes
		requests := make([]Request, many)
		for i := range requests {
			requests[i] = newBenchLink.New(0, &benchLink{Name: "lo"}, "change nothing of lo")
		}
		requests[many-1].Flags |= netlink.Acknowledge
		return c.Do(requests...)
	})
}
