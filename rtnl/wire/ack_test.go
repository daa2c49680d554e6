package wire

import (
	"errors"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// offsetOf is where the attribute with this path begins in sample's message.
func offsetOf(t *testing.T, path string) uint32 {
	t.Helper()
	b, err := thingTable.Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	for off := range b {
		if PathAt(&thingTable, b, off) == path {
			return uint32(headerSize + off)
		}
	}
	t.Fatalf("nothing in the message is %s", path)
	return 0
}

func TestErrorSaysWhatTheKernelSays(t *testing.T) {
	t.Parallel()
	at := func(path string) *uint32 { off := offsetOf(t, path); return &off }
	tests := []struct {
		name  string
		errno unix.Errno
		ack   *extendedAck
		want  string
	}{
		{"an errno alone", unix.EEXIST, nil, "create web: file exists (EEXIST)"},
		{"an errno that only the kernel knows", 524, nil, "create web: errno 524 (ENOTSUPP)"},
		{
			"a message", unix.EOPNOTSUPP, &extendedAck{Msg: "leaf not supported by this kernel"},
			"create web: leaf not supported by this kernel (EOPNOTSUPP)",
		},
		{
			"a message and an offset", unix.EOPNOTSUPP,
			&extendedAck{Msg: "leaf not supported by this kernel", Offset: offsetOf(t, "INNER/INNER_DATA")},
			"create web: INNER/INNER_DATA: leaf not supported by this kernel (EOPNOTSUPP)",
		},
		{
			"an offset in the fixed struct", unix.EINVAL, &extendedAck{Offset: headerSize + 4},
			"create web: index: invalid argument (EINVAL)",
		},
		{
			"an offset outside the message", unix.EINVAL, &extendedAck{Offset: 1 << 31},
			"create web: invalid argument (EINVAL)",
		},
		{
			"missing in the body", unix.EINVAL, &extendedAck{MissType: 2},
			"create web: MTU is missing: invalid argument (EINVAL)",
		},
		{
			"missing in a nest", unix.EINVAL, &extendedAck{MissType: 1, MissNest: at("INNER")},
			"create web: INNER/INNER_KIND is missing: invalid argument (EINVAL)",
		},
		{
			"missing in a nest that its kind decides", unix.EINVAL, &extendedAck{MissType: 1, MissNest: at("INNER/INNER_DATA")},
			"create web: INNER/INNER_DATA/LEAF_SIZE is missing: invalid argument (EINVAL)",
		},
		{
			"missing in a list", unix.EINVAL, &extendedAck{MissType: 1, MissNest: at("LIST")},
			"create web: LIST/ELEM is missing: invalid argument (EINVAL)",
		},
		{
			"missing in an element", unix.EINVAL, &extendedAck{MissType: 2, MissNest: at("LIST/ELEM")},
			"create web: LIST/ELEM/INNER_PORT is missing: invalid argument (EINVAL)",
		},
		{
			"missing, and of no name", unix.EINVAL, &extendedAck{MissType: 77, MissNest: at("INNER")},
			"create web: INNER/attribute 77 is missing: invalid argument (EINVAL)",
		},
		{
			"missing in what has no name", unix.EINVAL, &extendedAck{MissType: 7, MissNest: at("attribute 99")},
			"create web: attribute 99/attribute 7 is missing: invalid argument (EINVAL)",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, _ := dialFake(t, func(s []received) []any { return []any{ack(s[0], test.errno, test.ack)} })
			r := create("web")
			r.value = unsafe.Pointer(sample())
			err := c.Do(r)
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if !errors.Is(err, test.errno) {
				t.Errorf("%v is not %v", err, test.errno)
			}
		})
	}
}

// An answer holds the request itself unless it is capped, and the extended ACK comes after that, aligned.
func TestParseAck(t *testing.T) {
	t.Parallel()
	tlvs, err := ackTable.Encode(&extendedAck{Msg: "no", Offset: 20})
	if err != nil {
		t.Fatal(err)
	}
	request := message(0x20, 1, 9, []byte{1, 2, 3, 4, 5}) // 21 bytes and 3 of padding
	answer := func(errno int32, parts ...[]byte) []byte {
		var e Encoder
		native.PutUint32(e.grow(4), uint32(errno))
		return append(e.b, join(parts...)...)
	}
	tests := []struct {
		name  string
		done  bool
		flags uint16
		body  []byte
		errno unix.Errno
		msg   string
		err   error
	}{
		{"capped", false, flagCapped | flagAckTLVs, answer(-22, request[:16], tlvs), 22, "no", nil},
		{"with the request", false, flagAckTLVs, answer(-22, request, tlvs), 22, "no", nil},
		{"with the request, without attributes", false, 0, answer(-22, request), 22, "", nil},
		{"a warning", false, flagCapped | flagAckTLVs, answer(0, request[:16], tlvs), 0, "no", nil},
		{"attributes that the flags do not tell of", false, flagCapped, answer(-22, request[:16], tlvs), 22, "", nil},
		{"attributes cut off", false, flagCapped | flagAckTLVs, answer(-22, request[:16], tlvs[:5]), 22, "", nil},
		{"a request that claims to be longer", false, flagAckTLVs, answer(-22, message(0x20, 1, 9, make([]byte, 99))[:16]), 22, "", nil},
		{"a request that claims to be shorter", false, flagAckTLVs, answer(-22, make([]byte, 16), tlvs), 22, "no", nil},
		{"without the request's header", false, 0, answer(-22, request[:15]), 22, "", ErrTruncated},
		{"empty", false, 0, nil, 0, "", ErrTruncated},
		{"the end of a dump", true, 0, answer(0), 0, "", nil},
		{"the end of a dump, empty", true, 0, nil, 0, "", nil},
		{"the end of a dump, refused", true, flagAckTLVs, answer(-22, tlvs), 22, "no", nil},
		{"the end of a dump, positive", true, 0, answer(7), 0, "", nil},
		{"the end of a dump, cut off", true, 0, []byte{1}, 0, "", ErrTruncated},
		{"the least errno", true, 0, answer(-1 << 31), 1 << 31, "", nil},
	}
	for _, test := range tests {
		errno, ack, err := parseAck(test.done, test.flags, test.body)
		if ack == nil {
			ack = &extendedAck{}
		}
		if errno != test.errno || ack.Msg != test.msg || !errors.Is(err, test.err) {
			t.Errorf("%s: got errno %d, %q, %v; want %d, %q, %v", test.name, errno, ack.Msg, err, test.errno, test.msg, test.err)
		}
	}
}
