package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// straceUsage is what a user has to give, as an error says it.
const straceUsage = "strace -f -ttt -e trace=%net,read,write -e read=all -e write=all -o FILE COMMAND"

// ErrNoBytes is of a trace without the bytes of its messages. Strace takes netlink messages apart by itself, also with -xx,
// and so leaves out what they are made of; -e read=all and -e write=all show it.
var ErrNoBytes = errors.New("strace printed netlink messages without their bytes: let it print them too, with " + straceUsage)

// Strace reads what strace(1) prints of a program's system calls: a Source.
//
//	strace -f -ttt -e trace=%net,read,write -e read=all -e write=all -o FILE COMMAND
//
// What counts are the bytes below a call, which -e read=all and -e write=all print, or else a string in its arguments
// that is not shortened (-s 65536 -xx; strace prints strings only where it does not know that a descriptor is a netlink
// socket). Times (-t, -tt, -ttt, -r, -T), processes (-f) and descriptors' names (-y, -yy) are used where they are there.
// A packet's Namespace is the process's number, where the trace has more processes than one.
type Strace struct {
	r     *bufio.Reader
	line  int
	now   time.Time              // of the line before
	part  map[string]*straceCall // what is unfinished, by process
	parts int                    // characters in it
	kinds map[string]int         // the netlink family of a socket, by process and descriptor, by descriptor, by inode
	open  *straceCall            // the call whose bytes are being read
	dump  [][][]byte             // those bytes: the datagrams, and the buffers of each
	queue []Packet
	given int // packets
	bare  int // calls with a netlink message and no bytes
	total int // characters below the call
}

// Limits on what a hostile trace can make a Strace keep.
const (
	maxLine       = 4 << 20  // bytes; a datagram of 64 KiB is at most 256 KiB in -xx
	maxDump       = 32 << 20 // characters below one call, or in what is unfinished
	maxUnfinished = 4 << 10  // processes in a call
	maxSockets    = 1 << 16
)

// NewStrace returns a reader of a trace that strace printed.
func NewStrace(r io.Reader) *Strace {
	return &Strace{r: bufio.NewReader(r), part: map[string]*straceCall{}, kinds: map[string]int{}, now: time.Unix(0, 0)}
}

// Next implements Source.
func (s *Strace) Next() (Packet, error) {
	for len(s.queue) == 0 {
		line, err := readLine(s.r, maxLine)
		if err != nil && (err != io.EOF || line == "") {
			s.finish()
			if err == io.EOF && len(s.queue) > 0 {
				break
			}
			if err == io.EOF && s.given == 0 && s.bare > 0 {
				err = ErrNoBytes
			}
			if err != io.EOF && err != ErrNoBytes {
				err = fmt.Errorf("line %d: %w", s.line+1, err)
			}
			return Packet{}, err
		}
		s.line++
		if err := s.read(line); err != nil {
			return Packet{}, fmt.Errorf("line %d: %w", s.line, err)
		}
	}
	p := s.queue[0]
	s.queue = s.queue[1:]
	s.given++
	return p, nil
}

// readLine reads a line of at most so many bytes, without its end. The last may have none.
func readLine(r *bufio.Reader, most int) (string, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > most {
			return "", fmt.Errorf("is longer than %d bytes", most)
		}
		line = append(line, part...)
		if err != bufio.ErrBufferFull {
			return strings.TrimRight(string(line), "\r\n"), err
		}
	}
}

// read takes one line.
func (s *Strace) read(line string) error {
	if s.open != nil && strings.HasPrefix(line, " ") && s.dumped(line) {
		return s.tooMuch()
	}
	s.finish()
	c, ok := parseStraceLine(line)
	if !ok {
		return nil
	}
	if c.after >= 0 {
		s.now = s.now.Add(c.after)
		if c.at.IsZero() {
			c.at = s.now
		}
	}
	if c.cut {
		if len(s.part) >= maxUnfinished {
			return fmt.Errorf("more than %d calls are unfinished", maxUnfinished)
		}
		return s.suspend(&c)
	}
	if c.resume {
		s.resume(&c)
	}
	s.call(&c)
	return nil
}

// suspend keeps a call that has not ended.
func (s *Strace) suspend(c *straceCall) error {
	s.drop(c.pid)
	s.part[c.pid] = c
	s.parts += len(c.args)
	if len(s.part) > maxUnfinished || s.parts > maxDump {
		return fmt.Errorf("%d calls of %d characters are unfinished", len(s.part), s.parts)
	}
	return nil
}

func (s *Strace) drop(pid string) {
	if begun := s.part[pid]; begun != nil {
		s.parts -= len(begun.args)
		delete(s.part, pid)
	}
}

// resume joins the end of a call to its beginning.
func (s *Strace) resume(c *straceCall) {
	begun := s.part[c.pid]
	if begun == nil || begun.name != c.name {
		return
	}
	s.drop(c.pid)
	c.args = begun.args + c.args
	if isSend(c.name) {
		c.at = begun.at // as the kernel's answer is there before send returns
	}
}

// tooMuch gives up a call with more bytes than a datagram has: those of a file, or else there is an error.
func (s *Strace) tooMuch() error {
	if s.total <= maxDump {
		return nil
	}
	_, _, sure := s.family(s.open, bare(s.open.args))
	s.open, s.dump = nil, nil
	if !sure {
		return nil
	}
	return fmt.Errorf("more than %d characters below one call", maxDump)
}

// call takes a call that has ended.
func (s *Strace) call(c *straceCall) {
	switch c.name {
	case "socket":
		s.socket(c)
	case "send", "sendto", "sendmsg", "sendmmsg", "write", "writev", "recv", "recvfrom", "recvmsg", "recvmmsg", "read", "readv":
		if c.result > 0 && !strings.Contains(bare(c.args), "MSG_PEEK") {
			if family, _, _ := s.family(c, bare(c.args)); family != notNetlink {
				s.open, s.dump, s.total = c, nil, 0
			}
		}
	}
}

func isSend(name string) bool {
	return strings.HasPrefix(name, "send") || strings.HasPrefix(name, "write")
}

// dumped takes a line of the bytes that strace prints below a call:
//
//	= 2 buffers in vector 0
//	* 84 bytes in buffer 0
//	| 00000  54 00 00 00 10 00 05 06  ca 6c 08 6b 00 00 00 00  T........l.k.... |
func (s *Strace) dumped(line string) bool {
	last := len(s.dump) - 1
	switch {
	case strings.HasPrefix(line, " = ") && strings.Contains(line, " in vector "):
		s.dump = append(s.dump, nil)
	case strings.HasPrefix(line, " * ") && strings.Contains(line, " in buffer "):
		if last < 0 {
			s.dump, last = append(s.dump, nil), 0
		}
		s.dump[last] = append(s.dump[last], nil)
	case strings.HasPrefix(line, " | "):
		if last < 0 {
			s.dump, last = append(s.dump, nil), 0
		}
		if len(s.dump[last]) == 0 {
			s.dump[last] = append(s.dump[last], nil)
		}
		buffer := &s.dump[last][len(s.dump[last])-1]
		*buffer = appendHexColumns(*buffer, line)
	default:
		return false
	}
	s.total += len(line)
	return true
}

// appendHexColumns appends the bytes of a line of a dump: two groups of eight after the offset.
func appendHexColumns(b []byte, line string) []byte {
	const begin, size = 9, 3*8 + 1 + 3*8 // " | 00000  ", and the columns; an offset over 0xfffff is wider
	_, columns, found := strings.Cut(line[3:], "  ")
	if !found || len(line) < begin {
		return b
	}
	columns = columns[:min(size, len(columns))]
	for word := range strings.FieldsSeq(columns) {
		if len(word) != 2 || !isHex(word[0]) || !isHex(word[1]) {
			break
		}
		b = append(b, unhex(word[0])<<4|unhex(word[1]))
	}
	return b
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// finish ends the call whose bytes were being read.
func (s *Strace) finish() {
	c := s.open
	if c == nil {
		return
	}
	s.open = nil
	said := bare(c.args)
	family, socket, sure := s.family(c, said)
	if family == notNetlink {
		return
	}
	datagrams := s.datagrams(c)
	if len(datagrams) == 0 && strings.Contains(said, "nlmsg_len=") {
		s.bare++
	}
	for _, d := range datagrams {
		if len(d.b) == 0 || !sure && !tiled(binary.NativeEndian, d.b) && !tiled(foreign(), d.b) {
			continue
		}
		p := Packet{Time: c.at, Family: family, Sent: isSend(c.name), Namespace: c.pid, Socket: socket, Data: d.b, Missing: d.missing}
		if !p.Sent && !p.Time.IsZero() {
			p.Time = p.Time.Add(c.took)
		}
		s.queue = append(s.queue, p)
	}
}

// A datagram is what one packet has of its bytes.
type datagram struct {
	b       []byte
	missing int
}

// datagrams are what the call moved, from the bytes below it or else from the strings in its arguments.
func (s *Strace) datagrams(c *straceCall) []datagram {
	many := strings.HasSuffix(c.name, "mmsg") // whose result counts datagrams
	var list []datagram
	for _, buffers := range s.dump {
		var d datagram
		for _, b := range buffers {
			d.b = append(d.b, b...)
		}
		if !many {
			d.b = d.b[:min(len(d.b), c.result)]
			d.missing = c.result - len(d.b)
		}
		list = append(list, d)
	}
	if len(list) > 0 || many {
		return list
	}
	b := stringsOf(c)
	if len(b) == 0 {
		return nil
	}
	b = b[:min(len(b), c.result)]
	return []datagram{{b, c.result - len(b)}}
}

// stringsOf are the bytes in the arguments: of the second, or of all the iov_base.
func stringsOf(c *straceCall) []byte {
	_, rest, _ := strings.Cut(c.args, ", ")
	if after, found := strings.CutPrefix(rest, `"`); found {
		b, _ := unquoteC(after)
		return b
	}
	var all []byte
	for {
		before, after, found := strings.Cut(rest, `"`)
		if !found {
			return all
		}
		b, n := unquoteC(after)
		if strings.HasSuffix(before, "iov_base=") {
			all = append(all, b...)
		}
		rest = after[n:]
	}
}
