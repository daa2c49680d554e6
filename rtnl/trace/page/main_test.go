package page_test

import (
	"os"
	"testing"

	"plumb/test/lab"
)

func TestMain(m *testing.M) {
	if lab.Emulated() != "" {
		os.Exit(m.Run()) // there is no kernel to be sealed off from: those tests skip themselves
	}
	lab.Main(m)
}
