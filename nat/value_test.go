package nat

import (
	"bytes"
	"net/netip"
	"testing"
)

func TestRegisterValue(t *testing.T) {
	t.Parallel()
	addr4, addr6 := []byte{10, 0, 0, 2}, netip.MustParseAddr("fd00::2").AsSlice()
	for _, test := range []struct {
		value []byte
		of    DataType // 0: not known
		want  string
	}{
		{IfName("pl-web"), 0, `"pl-web"`},
		{IfName("pl-web"), TypeIfName, `"pl-web"`},
		{addr4, 0, "0x0a000002"},
		{addr4, TypeIPv4Addr, "10.0.0.2"},
		{addr6, 0, "fd00::2"},
		{Port(80), TypeInetService, "be16:80"},
		{Host32(3), typeNumber, "u32:3"},
		{[]byte{6}, TypeInetProto, "u8:6"},
		{Concat(IfName("pl-web"), addr6), 0, `"pl-web" . fd00::2`},
		{Concat(IfName("pl-web"), addr4), ConcatType(TypeIfName, TypeIPv4Addr), `"pl-web" . 10.0.0.2`},
		{Concat([]byte{6}, Port(8080)), ConcatType(TypeInetProto, TypeInetService), "u8:6 . be16:8080"},
		{Concat(addr4, addr6), ConcatType(TypeIPv4Addr, TypeIPv6Addr), "10.0.0.2 . fd00::2"},
		{addr4, TypeIPv6Addr, "0x0a000002"},                           // too short
		{addr4, ConcatType(TypeIPv4Addr, TypeIPv4Addr), "0x0a000002"}, // so is that
		{make([]byte, 16), TypeIfName, "::"},                          // no name
		{nil, 0, ""},
	} {
		got := registerValue(test.value).typed(test.of)
		if got != test.want {
			t.Errorf("%x as %s: got %s, want %s", test.value, test.of, got, test.want)
		}
		var back registerValue
		if err := back.UnmarshalText([]byte(got)); err != nil || !bytes.Equal(back, test.value) {
			t.Errorf("%s is read as %x, %v; want %x", got, []byte(back), err, test.value)
		}
	}
}

// What is shown of a value, of whatever type, is read as the value again.
func FuzzRegisterValue(f *testing.F) {
	f.Add(IfName("eth0"), uint32(0))
	f.Add(Concat([]byte{6}, Port(8080)), uint32(ConcatType(TypeInetProto, TypeInetService)))
	f.Add(Concat(IfName("a\"b"), make([]byte, 4)), uint32(ConcatType(TypeIfName, TypeIPv4Addr)))
	f.Fuzz(func(t *testing.T, value []byte, of uint32) {
		text := registerValue(value).typed(DataType(of))
		var back registerValue
		if err := back.UnmarshalText([]byte(text)); err != nil {
			t.Fatalf("%x as %s: %s: %v", value, DataType(of), text, err)
		}
		if !bytes.Equal(back, value) {
			t.Errorf("%x as %s: %s is read as %x", value, DataType(of), text, []byte(back))
		}
	})
}

// Whatever text there is, it is read or refused.
func FuzzReadRegisterValue(f *testing.F) {
	f.Add(`"eth0" . 10.0.0.2 . be16:80 . u32:3 . 0x01`)
	f.Fuzz(func(_ *testing.T, text string) {
		var v registerValue
		_ = v.UnmarshalText([]byte(text))
	})
}
