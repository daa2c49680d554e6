package genl

import (
	"encoding/binary"
	"testing"

	"plumb/rtnl/wire"
	"plumb/test/headers"
)

// message is a whole message of a type, with a command.
func message(typ uint16, cmd byte, attrs ...byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(20+len(attrs)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, make([]byte, 10)...)
	return append(append(b, cmd, 1, 0, 0), attrs...)
}

func attr(typ uint16, data ...byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(data)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, data...)
	return append(b, make([]byte, -len(data)&3)...)
}

func name(t *testing.T, p *wire.Protocol, b []byte) string {
	t.Helper()
	v, err := p.View(b)
	if err != nil {
		t.Fatal(err)
	}
	return v.Name
}

// A family is called by its name once the controller has told it.
func TestFamilies(t *testing.T) {
	t.Parallel()
	p := New()
	if got := name(t, p, message(0x21, 0)); got != "message 33" {
		t.Errorf("a family that is not known is %q", got)
	}
	answer := append(attr(1, binary.NativeEndian.AppendUint16(nil, 0x21)...), attr(2, append([]byte("wireguard"), 0)...)...)
	if got := name(t, p, message(0x10, 1, answer...)); got != "CTRL_CMD_NEWFAMILY" {
		t.Errorf("the controller's answer is %q", got)
	}
	for cmd, want := range map[byte]string{0: "WG_CMD_GET_DEVICE", 99: "wireguard command 99"} {
		if got := name(t, p, message(0x21, cmd)); got != want {
			t.Errorf("command %d is %q, want %q", cmd, got, want)
		}
	}
	if got := name(t, New(), message(0x21, 0)); got != "message 33" {
		t.Errorf("another capture has learnt %q", got)
	}
	v, err := p.View(message(0x21, 0, attr(2, append([]byte("wg0"), 0)...)...))
	if err != nil {
		t.Fatal(err)
	}
	last := v.Nodes[len(v.Nodes)-1]
	if last.Name != "WGDEVICE_A_IFNAME" || last.Value != `"wg0"` {
		t.Errorf("the last attribute is %+v", last)
	}
}

// The dictionary has the names and numbers of the kernel's headers.
func TestWords(t *testing.T) {
	t.Parallel()
	h := headers.Read(t, []string{"genetlink.h", "wireguard.h", "if_macsec.h", "hsr_netlink.h"},
		"netlink.h", "ip_vs.h", "ila.h", "ethtool_netlink.h", "devlink.h", "l2tp.h", "mptcp.h", "taskstats.h", "fou.h")
	headers.Compare(t, words, h, map[string]string{
		"NETDEV_CMD_": "linux/netdev.h, Linux 6.2",
	})
}

func FuzzView(f *testing.F) {
	f.Add(message(0x10, 1, attr(1, 33, 0)...), message(0x21, 0))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		p := New()
		for _, b := range [][]byte{one, two} {
			if v, err := p.View(b); err == nil && v.Name == "" {
				t.Error("a message without a name")
			}
		}
	})
}
