package lookup_test

import (
	"sync"
	"testing"

	"plumb/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

// loopback sets the sealed namespace's lo up, once: 127.0.0.0/8 answers then, and ::1.
var loopback = sync.OnceValue(lab.LoopbackUp)

func needLoopback(t testing.TB) {
	t.Helper()
	if err := loopback(); err != nil {
		t.Fatalf("set lo up: %v", err)
	}
}
