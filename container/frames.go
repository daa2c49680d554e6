package container

import (
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A frame is what a parent and its container's process tell each other at once: a list of strings. On the socket it is
// the number of strings, and each one's length before its bytes, as uvarints (encoding/binary).
type frame []string

// maxFrame is how many bytes a frame may have in all, far more than the kernel gives a command and its environment
// (MAX_ARG_STRLEN, linux/binfmts.h, times a hundred).
const maxFrame = 16 << 20

// send writes f in one write.
func (f frame) send(w io.Writer) error {
	b := binary.AppendUvarint(nil, uint64(len(f)))
	for _, s := range f {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	if len(b) > maxFrame {
		return fmt.Errorf("the command, its environment and the container's files have %d bytes, %d is the most", len(b), maxFrame)
	}
	_, err := w.Write(b)
	return err
}

// A frameReader is what frames are read from, byte by byte.
type frameReader interface {
	io.Reader
	io.ByteReader
}

// receiveFrame reads a frame of at least n strings. The error is io.EOF where there was none.
func receiveFrame(r frameReader, n int) (frame, error) {
	count, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	if count < uint64(n) || count > maxFrame {
		return nil, fmt.Errorf("a frame of %d strings, where %d are needed", count, n)
	}
	f := make(frame, 0, min(count, 1024))
	for left := uint64(maxFrame); uint64(len(f)) < count; {
		size, err := binary.ReadUvarint(r)
		if err != nil {
			return nil, unexpected(err)
		}
		if size > left {
			return nil, fmt.Errorf("a frame of more than %d bytes", maxFrame)
		}
		left -= size
		b := make([]byte, size)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, unexpected(err)
		}
		f = append(f, string(b))
	}
	return f, nil
}

// unexpected is err, where the end of the file comes in the middle of something.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// The frames of startproto.go's messages.

func (s initSpec) frame() frame {
	flags := []bool{s.Init, s.NetNS, s.Terminal, s.Trace}
	f := frame{s.Dir, s.Hostname, s.Rootfs}
	for _, flag := range flags {
		f = append(f, strconv.FormatBool(flag))
	}
	f = append(f, strconv.Itoa(len(s.Args)))
	return append(append(f, s.Args...), s.Env...)
}

func receiveSpec(r frameReader) (s initSpec, err error) {
	const head = 8 // before the arguments
	f, err := receiveFrame(r, head)
	if err != nil {
		return s, err
	}
	args, err := strconv.Atoi(f[head-1])
	if err != nil || args < 1 || args > len(f)-head {
		return s, fmt.Errorf("a spec with %q arguments among %d strings", f[head-1], len(f))
	}
	return initSpec{
		Dir: f[0], Hostname: f[1], Rootfs: f[2],
		Init: f[3] == "true", NetNS: f[4] == "true", Terminal: f[5] == "true", Trace: f[6] == "true",
		Args: f[head : head+args], Env: f[head+args:],
	}, nil
}

func (f Files) frame() frame { return frame{f.ResolvConf, f.Hosts, f.Hostname} }

func receiveFiles(r frameReader) (Files, error) {
	f, err := receiveFrame(r, 3)
	if err != nil {
		return Files{}, err
	}
	return Files{ResolvConf: f[0], Hosts: f[1], Hostname: f[2]}, nil
}

// stepFrame is what the frame of a step begins with, in the place of whether the command is about to be run.
const stepFrame = "step"

func (r initReport) frame() frame {
	if r.Step {
		return frame{stepFrame, r.Stage, strconv.FormatInt(int64(r.Took), 10), "0"}
	}
	return frame{strconv.FormatBool(r.Exec), r.Stage, r.Text, strconv.Itoa(int(r.Errno))}
}

func receiveReport(r frameReader) (initReport, error) {
	f, err := receiveFrame(r, 4)
	if err != nil {
		return initReport{}, err
	}
	return parseReport(f)
}

func parseReport(f frame) (initReport, error) {
	if len(f) < 4 {
		return initReport{}, fmt.Errorf("a report of %d strings", len(f))
	}
	errno, err := strconv.ParseUint(f[3], 10, 12)
	if err != nil {
		return initReport{}, fmt.Errorf("a report with errno %q", f[3])
	}
	if f[0] == stepFrame {
		took, err := strconv.ParseInt(f[2], 10, 64)
		return initReport{Step: true, Stage: f[1], Took: time.Duration(took)}, err
	}
	return initReport{Exec: f[0] == "true", Stage: f[1], Text: f[2], Errno: unix.Errno(errno)}, nil
}
