package captures

import (
	"path/filepath"
	"testing"

	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/genl"
	"plumb/rtnl/sockdiag"
	"plumb/rtnl/wire"
)

// FuzzView begins with the messages of the captures: whatever becomes of them, all that is shown lies in what it is in, and
// after what is before it.
func FuzzView(f *testing.F) {
	files, err := filepath.Glob("testdata/*.pcap")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		for _, p := range read(f, file) {
			f.Add(uint8(p.Family), p.Data)
		}
	}
	f.Fuzz(func(t *testing.T, family uint8, b []byte) {
		for _, p := range []*wire.Protocol{rtnl.Protocol, nat.Protocol, sockdiag.Protocol, genl.New()} {
			if p.Family != int(family) {
				continue
			}
			if v, err := p.View(b); err == nil {
				within(t, v.Nodes, 0, int(v.Header.Length)-16)
			}
		}
	})
}

func within(t *testing.T, nodes []wire.Node, start, end int) {
	t.Helper()
	for _, n := range nodes {
		if n.Name == "" || n.Length <= 0 || n.Offset < start || n.Offset+n.Length > end {
			t.Fatalf("%+v is not within %d to %d", n, start, end)
		}
		within(t, n.Children, n.Offset+n.Header, n.Offset+n.Length)
		start = n.Offset + n.Length
	}
}
