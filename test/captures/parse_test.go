package captures

import (
	"encoding/binary"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/sockdiag"
	"plumb/rtnl/trace"
	"plumb/rtnl/wire"
)

// What a trace shows of what another program sends makes a message of which a trace shows the same. It need not be the same bytes:
// programs differ in NLA_F_NESTED, in padding, and in whether a text ends in a NUL.
func TestParse(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.pcap")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	protocols := map[int]*wire.Protocol{
		unix.NETLINK_ROUTE: rtnl.Protocol, unix.NETLINK_NETFILTER: nat.Protocol, unix.NETLINK_SOCK_DIAG: sockdiag.Protocol,
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			n := 0
			for _, packet := range read(t, file) {
				p := protocols[packet.Family]
				if p == nil || binary.LittleEndian.Uint16(packet.Data[6:])&unix.NLM_F_REQUEST == 0 {
					continue
				}
				n++
				text := traced(p, packet.Data)
				b, err := p.Parse(text)
				if err != nil {
					t.Errorf("%v\nof\n%s", err, text)
				} else if again := traced(p, b); again != text {
					t.Errorf("the text\n%smakes a message that is shown as\n%s", text, again)
				}
			}
			if n == 0 {
				t.Error("no message was sent")
			}
		})
	}
}

var length = regexp.MustCompile(` len=\d+`)

// traced is what a trace shows of a message that is sent, but for its length.
func traced(p *wire.Protocol, b []byte) string {
	var text strings.Builder
	trace.Text(&text, trace.Options{}).Trace(wire.Event{Namespace: "host", Protocol: p, Sent: true, Message: b})
	return length.ReplaceAllString(text.String(), "")
}
