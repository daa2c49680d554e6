package lookup_test

import (
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

// loopback sets the sealed namespace's lo up, once: 127.0.0.0/8 answers then, and ::1.
var loopback = sync.OnceValue(func() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
})

func needLoopback(t testing.TB) {
	t.Helper()
	if err := loopback(); err != nil {
		t.Fatalf("set lo up: %v", err)
	}
}
