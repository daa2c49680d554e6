package capture

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// A message that creates lo2, as people paste it. Each form gives the same bytes.
func TestHexForms(t *testing.T) {
	t.Parallel()
	const plain = "28000000100005060100000000000000" + "00000000000000000000000000000000" + "080003006c6f3200"
	little := binary.NativeEndian.Uint16([]byte{1, 0}) == 1 // or else the flags cannot be read
	for name, text := range map[string]string{
		"plain":          plain,
		"upper case":     strings.ToUpper(plain),
		"0x":             "0x" + plain,
		"spaces":         "28 00 00 00 10 00 05 06 01 00 00 00 00 00 00 00\n00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n08 00 03 00 6c 6f 32 00\n",
		"words":          "28000000 10000506 01000000 00000000 00000000 00000000 00000000 00000000 08000300 6c6f3200",
		"colons":         "28:00:00:00:10:00:05:06:01:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:08:00:03:00:6c:6f:32:00",
		"lines, comment": "# a link\n" + plain[:32] + " // the header\n" + plain[32:] + "  # and the rest\n",
		"a C array":      "unsigned char b[] = {\n0x28, 0x0, 0x0, 0x0, 0x10, 0x00, 0x05, 0x06, 0x01, 0,0,0,0,0,0,0,\n  0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0, 8,0,3,0,0x6c,0x6f,0x32,0\n};\n",
		"a Go slice":     "[]byte{0x28, 0x0, 0x0, 0x0, 0x10, 0x0, 0x5, 0x6, 0x1, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0, 0x8, 0x0, 0x3, 0x0, 0x6c, 0x6f, 0x32, 0x0}",
		"xxd": "00000000: 2800 0000 1000 0506 0100 0000 0000 0000  (...............\n" +
			"00000010: 0000 0000 0000 0000 0000 0000 0000 0000  ................\n00000020: 0800 0300 6c6f 3200                      ....lo2.\n",
		"xxd -g1": "00000000: 28 00 00 00 10 00 05 06 01 00 00 00 00 00 00 00  (...............\n" +
			"00000010: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................\n00000020: 08 00 03 00 6c 6f 32 00                          ....lo2.\n",
		"hexdump -Cv": "00000000  28 00 00 00 10 00 05 06  01 00 00 00 00 00 00 00  |(...............|\n" +
			"00000010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n00000020  08 00 03 00 6c 6f 32 00                           |....lo2.|\n00000028\n",
		"od -v -t x1": "0000000 28 00 00 00 10 00 05 06 01 00 00 00 00 00 00 00\n0000020 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n0000040 08 00 03 00 6c 6f 32 00\n0000050\n",
		"tshark -x": "0000  28 00 00 00 10 00 05 06 01 00 00 00 00 00 00 00   (...............\n" +
			"0010  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00   ................\n0020  08 00 03 00 6c 6f 32 00                           ....lo2.\n",
		"strace's dump": " * 40 bytes in buffer 0\n | 00000  28 00 00 00 10 00 05 06  01 00 00 00 00 00 00 00  (............... |\n" +
			" | 00010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  ................ |\n | 00020  08 00 03 00 6c 6f 32 00                           ....lo2.         |\n",
		"a C string": `"\x28\x00\x00\x00\x10\x00\x05\x06\x01\x00\x00\x00\x00\x00\x00\x00" "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"` + "\n" + `"\b\0\3\0lo2\0"`,
		"printf":     `printf '\x28\x00\x00\x00\x10\x00\x05\x06\x01\x00\x00\x00\x00\x00\x00\x00\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x08\x00\x03\x00lo2\x00'`,
		"Python":     `b'(\x00\x00\x00\x10\x00\x05\x06\x01\x00\x00\x00\x00\x00\x00\x00` + strings.Repeat(`\x00`, 16) + `\x08\x00\x03\x00lo2\x00'`,
		"escapes":    `\x28\x00\x00\x00\x10\x00\x05\x06\x01\x00\x00\x00\x00\x00\x00\x00` + strings.Repeat(`\x00`, 16) + `\x08\x00\x03\x00\x6c\x6f\x32\x00`,
		"cooked":     "0004033800000000000000000000000c" + plain,
		"cooked, 6":  "0006033800000000000000000000000c" + plain,
	} {
		packets, err := collect(t, open(t, text))
		if len(packets) != 1 || err != nil {
			t.Errorf("%s: %d packets, %v", name, len(packets), err)
			continue
		}
		p := packets[0]
		family := AnyFamily
		if strings.HasPrefix(name, "cooked") {
			family = 12
		}
		if got := hex.EncodeToString(p.Data); got != plain || p.Family != family || little && p.Sent != (name != "cooked, 6") {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func open(t testing.TB, text string) Source {
	t.Helper()
	s, err := Open(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHexDatagrams(t *testing.T) {
	t.Parallel()
	const dump = "0000  11 22\n0010  33\n"
	for _, text := range []string{"1122\n33\n\n\n4455", dump + "0000  44 55\n0010\n", "1122 33 # one\n\n# two\n4455\n\n"} {
		packets, err := collect(t, NewHex(strings.NewReader(text)))
		if len(packets) != 2 || err != nil || !bytes.Equal(packets[0].Data, []byte{0x11, 0x22, 0x33}) || !bytes.Equal(packets[1].Data, []byte{0x44, 0x55}) {
			t.Errorf("%q: %v, %v", text, packets, err)
		}
	}
}

func TestHexErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"hello":                                  `line 1: "hello" is not pairs`,
		"112\n":                                  `line 1: "112" is not pairs`,
		"11\n22\n33 4g":                          `line 3: "4g" is not pairs`,
		"00000000  00\n*\n0":                     errLeftOut.Error(),
		strings.Repeat("00", maxPacket) + "\n00": "line 2: more than 1048576 bytes",
	} {
		if _, err := collect(t, NewHex(strings.NewReader(text))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %s", text, err, want)
		}
	}
	if _, err := collect(t, NewHex(broken{})); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }

func FuzzHex(f *testing.F) {
	f.Add("28000000 1000 // x\n\n00000000: 2800 0000  (..\n")
	f.Add(`"\x28\0(" '\b'` + "\n*\n | 00000  28 00\n0000040 08 00\n0000050\n[]byte{0x28, 0}")
	f.Fuzz(func(t *testing.T, text string) {
		packets, _ := collect(t, NewHex(strings.NewReader(text)))
		size := 0
		for _, p := range packets {
			size += len(p.Data)
			if len(p.Data) == 0 && p.Note == nil && p.Family == AnyFamily {
				t.Error("a packet of nothing")
			}
		}
		if size > len(text) {
			t.Errorf("%d bytes in %d characters", size, len(text))
		}
	})
}
