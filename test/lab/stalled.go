package lab

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// Stalled is how long, since boot, something has had to wait for a CPU (Documentation/accounting/psi.rst). A test that has a bound on time takes its
// difference away from what it measures: what others do on the machine is not to count. It is 0 where the kernel does not say.
func Stalled(t testing.TB) time.Duration {
	t.Helper()
	text, err := os.ReadFile("/proc/pressure/cpu")
	if err != nil {
		return 0
	}
	_, total, ok := strings.Cut(string(text), "total=")
	if !ok {
		return 0
	}
	var us int64
	if _, err := fmt.Sscan(total, &us); err != nil {
		t.Errorf("read how long something has waited for a CPU: %v", err)
	}
	return time.Duration(us) * time.Microsecond
}
