package ping

import (
	"testing"
	"time"
)

// What comes from the wire, and from the kernel beside it, must not make a decoder fall.
func FuzzDecode(f *testing.F) {
	f.Add(echoRequest(false, true, 1, 2, 16), []byte{})
	f.Add(append([]byte{0x45, 19: 1}, echoRequest(false, true, 1, 2, 16)...), make([]byte, 64))
	f.Fuzz(func(t *testing.T, packet4, oob []byte) {
		if b, _, ok := stripIPv4(packet4); ok && len(b) > len(packet4)-20 {
			t.Errorf("%d bytes of %d are left behind the header", len(b), len(packet4))
		}
		if e, ok := parseEcho(packet4); ok && len(e.payload) != len(packet4)-headerLen {
			t.Errorf("the payload has %d bytes", len(e.payload))
		}
		var p packet
		p.readControl(oob)
		if fail, ok := extendedError(oob); ok {
			icmpError(fail.kind, fail.code, fail.info)
			icmpv6Error(fail.kind, fail.code, fail.info)
		}
	})
}

func TestEveryErrorHasAText(t *testing.T) {
	t.Parallel()
	for kind := range 256 {
		for code := range 256 {
			if icmpError(byte(kind), byte(code), 0) == "" || icmpv6Error(byte(kind), byte(code), 0) == "" {
				t.Errorf("type %d, code %d: no text", kind, code)
			}
		}
	}
}

// The checksum of a message with its checksum is zero: RFC 1071, section 1.
func TestChecksum(t *testing.T) {
	t.Parallel()
	for size := range 5 {
		if b := echoRequest(false, true, 0x1234, 0xffff, size); checksum(b) != 0 {
			t.Errorf("payload of %d: checksum over all is %#x", size, checksum(b))
		}
	}
}

func TestRoundTripDigits(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		45 * time.Microsecond: "0.045 ms", 1234 * time.Microsecond: "1.23 ms", 12345 * time.Microsecond: "12.3 ms",
		99994 * time.Microsecond: "100 ms", 123456 * time.Microsecond: "123 ms", 3 * time.Second: "3000 ms", 999: "0.001 ms",
	} {
		if got := roundTrip(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}
