package nat

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// User data is what the kernel keeps for user space and does not look at (NFT_USERDATA_MAXLEN: 256 bytes). All tools agree
// with libnftnl (include/libnftnl/udata.h) on its shape: one byte of type, one of length, and the value, again and again.

// UserData is the user data of a table, chain, rule, set or element.
type UserData []byte

// maxComment is the most bytes that a comment has, without its NUL: NFTNL_UDATA_COMMENT_MAXLEN is 128 with it.
const maxComment = 127

// The types: enum nftnl_udata_set_types. In tables, chains, rules and elements type 0 is the comment.
const (
	udataComment          = 0
	udataSetKeyByteOrder  = 0
	udataSetDataByteOrder = 1
	udataSetComment       = 7
)

// Byte orders in a set's user data: enum byteorder of nft, include/datatype.h.
const (
	orderHost = 1 // interface names, marks
	orderBig  = 2 // addresses, ports
)

// CommentData is the user data of a table, chain, rule or element with a comment: nil for "". What is beyond 127 bytes is
// cut off.
func CommentData(text string) UserData {
	if text == "" {
		return nil
	}
	return appendText(make(UserData, 0, len(text)+3), udataComment, text)
}

func appendText(b UserData, typ byte, text string) UserData {
	text = cut(text, maxComment)
	b = append(b, typ, byte(len(text)+1))
	b = append(b, text...)
	return append(b, 0)
}

// cut is the longest beginning of text that has at most n bytes and ends between two characters.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "")
}

// setUserData is what nft needs to print a set: the byte order of its key and of its data (0: none), and a comment.
func setUserData(key, data uint32, comment string) UserData {
	var b UserData
	if key != 0 {
		b = append(b, udataSetKeyByteOrder, 4)
		b = binary.NativeEndian.AppendUint32(b, key)
	}
	if data != 0 {
		b = append(b, udataSetDataByteOrder, 4)
		b = binary.NativeEndian.AppendUint32(b, data)
	}
	if comment != "" {
		b = appendText(b, udataSetComment, comment)
	}
	return b
}

// find is the value of the first entry of a type; nil where there is none.
func (u UserData) find(typ byte) []byte {
	for len(u) >= 2 && len(u) >= 2+int(u[1]) {
		value := u[2 : 2+int(u[1])]
		if u[0] == typ {
			return value
		}
		u = u[2+len(value):]
	}
	return nil
}

// Comment is the comment of a table, chain, rule or element.
func (u UserData) Comment() string { return strings.TrimSuffix(string(u.find(udataComment)), "\x00") }

// SetComment is the comment of a set.
func (u UserData) SetComment() string {
	return strings.TrimSuffix(string(u.find(udataSetComment)), "\x00")
}

// String shows the entries, by type: 0:"web" is a comment. What is no text is shown as bytes.
func (u UserData) String() string {
	var b strings.Builder
	for rest := u; len(rest) > 0; {
		if len(rest) < 2 || len(rest) < 2+int(rest[1]) {
			fmt.Fprintf(&b, "%#x", []byte(rest))
			break
		}
		value := string(rest[2 : 2+int(rest[1])])
		if text, isText := strings.CutSuffix(value, "\x00"); isText && !strings.Contains(text, "\x00") {
			fmt.Fprintf(&b, "%d:%q ", rest[0], text)
		} else {
			fmt.Fprintf(&b, "%d:%#x ", rest[0], value)
		}
		rest = rest[2+len(value):]
	}
	return strings.TrimSuffix(b.String(), " ")
}

// UnmarshalText reads what String writes.
func (u *UserData) UnmarshalText(text []byte) error {
	*u = UserData{}
	for rest := string(text); rest != ""; rest = strings.TrimPrefix(rest, " ") {
		if strings.HasPrefix(rest, "0x") { // what is no entry, at the end
			b, err := hex.DecodeString(rest[2:])
			*u = append(*u, b...)
			return err
		}
		number, value, ok := strings.Cut(rest, ":")
		typ, err := strconv.ParseUint(number, 10, 8)
		if !ok || err != nil {
			return fmt.Errorf("%q is no user data: entries such as 0:\"web\" are needed, TYPE:\"TEXT\" or TYPE:0xBYTES", rest)
		}
		entry, after, err := userDataValue(value)
		if err != nil || len(entry) > 255 {
			return fmt.Errorf("%q is no value of an entry of user data: a text in quotes or hexadecimal bytes are needed, 255 at most", value)
		}
		*u = append(append(*u, byte(typ), byte(len(entry))), entry...)
		rest = after
	}
	return nil
}

// userDataValue reads the value that text begins with.
func userDataValue(text string) (value []byte, rest string, err error) {
	if digits, ok := strings.CutPrefix(text, "0x"); ok {
		digits, _, _ = strings.Cut(digits, " ")
		value, err = hex.DecodeString(digits)
		return value, text[2+len(digits):], err
	}
	if text == "" || text[0] == ' ' { // no bytes at all
		return nil, text, nil
	}
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil {
		return nil, "", err
	}
	s, err := strconv.Unquote(quoted)
	return append([]byte(s), 0), text[len(quoted):], err
}
