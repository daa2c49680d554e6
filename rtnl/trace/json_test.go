package trace

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"testing"
)

// A line is what another program reads of --trace=json.
type line struct {
	Kind, Namespace, Protocol, Name, Purpose, Why, Step, Unreadable, Bytes string

	Flags  []string
	Header struct {
		Length int `json:"nlmsg_len"`
		Seq    int `json:"nlmsg_seq"`
	}
	Fields []field
	Error  *struct {
		Text, Errno, Path, Message string
		Offset                     int
		Field                      struct{ Offset, Length int }
		Seq                        int `json:"nlmsg_seq"`
	}
	Sent        bool
	Transaction *struct {
		Number, Messages, Bytes int
		Committed               bool
	}
}

type field struct {
	Name, Value            string
	Offset, Length, Header int
	Fields                 []field
}

// Each line is an object; its fields lie in the message's bytes, each after the one before it and within the one around it.
func TestJSON(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	play(t, JSON(&text, Options{}))
	kinds := map[string]int{}
	sent := map[int]string{}
	refused := 0
	for l := range bytes.Lines(text.Bytes()) {
		var got line
		d := json.NewDecoder(bytes.NewReader(l))
		if err := d.Decode(&got); err != nil || d.More() {
			t.Fatalf("%v: %s", err, l)
		}
		kinds[got.Kind]++
		b, err := hex.DecodeString(got.Bytes)
		if err != nil {
			t.Errorf("bytes %q: %v", got.Bytes, err)
		}
		if got.Unreadable == "" && len(b) != got.Header.Length {
			t.Errorf("%d bytes of a message of %d", len(b), got.Header.Length)
		}
		checkFields(t, got.Fields, 16, len(b))
		if got.Sent {
			sent[got.Header.Seq] = got.Bytes
		}
		if got.Kind == "message" && got.Error != nil {
			refused++
			e := got.Error
			f := e.Field
			if e.Offset > 0 && (e.Offset < f.Offset || e.Offset >= f.Offset+f.Length || 2*(f.Offset+f.Length) > len(sent[e.Seq])) {
				t.Errorf("refused for byte %d, of %d bytes at %d, of %q", e.Offset, f.Length, f.Offset, sent[e.Seq])
			}
		}
	}
	if refused != 5 || kinds["begin"] != 2 || kinds["end"] != 2 || kinds["step"] != 2 || kinds["message"] < 16 {
		t.Errorf("%d refusals, %v", refused, kinds)
	}
}

func checkFields(t *testing.T, fields []field, from, to int) {
	t.Helper()
	for _, f := range fields {
		if f.Name == "" || f.Offset < from || f.Offset+f.Length > to || f.Length < f.Header {
			t.Errorf("%q at %d, %d bytes, is not between %d and %d", f.Name, f.Offset, f.Length, from, to)
		}
		checkFields(t, f.Fields, f.Offset+f.Header, f.Offset+f.Length)
		from = f.Offset + f.Length
	}
}

// Whatever a string is, it is a JSON string.
func FuzzJSONString(f *testing.F) {
	f.Add("pl-web")
	f.Add("\x00\x1f\x7f\"\\\xff\u2028</script>")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(AppendJSONString(nil, s), &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if want := string([]rune(s)); got != want {
			t.Errorf("%q became %q", want, got)
		}
	})
}
