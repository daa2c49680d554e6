package names_test

import (
	"testing"

	"plumb/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }
