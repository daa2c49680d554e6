package lab_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb/container/lab"
)

var update = flag.Bool("update", false, "write the golden files")

func demoDrawing() lab.Drawing {
	return lab.Drawing{Namespaces: []lab.DrawnNamespace{
		{
			Name: "internet",
			Links: []lab.DrawnLink{
				{Name: "lo", Addrs: []string{"8.8.8.8/32", "2001:4860:4860::8888/128"}},
				{Name: "to-host", Addrs: []string{"203.0.113.1 peer 203.0.113.2/32"}, Peer: "host/uplink0"},
				{Name: "to-b", Addrs: []string{"203.0.113.1 peer 203.0.113.3/32"}, Peer: "b/uplink0"},
			},
			Notes: []string{"DNS on port 53 knows google.com"},
		},
		{
			Name: "host",
			Links: []lab.DrawnLink{
				{Name: "lo"},
				{Name: "uplink0", Addrs: []string{"203.0.113.2/24", "2001:db8::2/64"}, Peer: "internet/to-host"},
				{Name: "pl-web", Addrs: []string{"10.0.0.1 peer 10.0.0.2/32"}},
			},
			Routes: []string{"default via 203.0.113.1 dev uplink0"},
			Notes:  []string{"masquerade 10.0.0.0/24"},
		},
		{
			Name:   "web",
			Links:  []lab.DrawnLink{{Name: "eth0", Addrs: []string{"10.0.0.2/24"}, Peer: "host/pl-web"}},
			Routes: []string{"default via 10.0.0.1"},
		},
		{Name: "b", Links: []lab.DrawnLink{{Name: "uplink0", Addrs: []string{"203.0.113.3/24"}}}},
	}}
}

func TestDraw(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		file    string
		drawing lab.Drawing
		ascii   bool
	}{
		{"demo.txt", demoDrawing(), false},
		{"demo-ascii.txt", demoDrawing(), true},
		{"alone.txt", lab.Drawing{Namespaces: []lab.DrawnNamespace{{Name: "alone"}, {Links: []lab.DrawnLink{{Name: "lo", Peer: "nowhere/x"}}}}}, false},
		{"empty.txt", lab.Drawing{}, false},
	} {
		got := lab.Draw(test.drawing, test.ascii)
		file := filepath.Join("testdata", "drawing", test.file)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.file, diff)
		}
	}
}
