package compare

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"plumb/container/bench"
	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// Traces say what the time of whole programs goes into, from their own traces. Those cost them some time, too.
type Traces struct{ Attach, Detach, Run *bench.Profile }

// NewTraces has nothing yet.
func NewTraces() *Traces {
	return &Traces{bench.NewProfile("web"), bench.NewProfile("web"), bench.NewProfile("web")}
}

// Traced are plumb attach, detach and run with their traces, for their times to be told by.
func Traced(t *Traces) []bench.Rival {
	var l *library
	return []bench.Rival{
		{
			Name: "plumb attach, traced", Group: bench.GroupNetwork, UpName: "attach", DownName: "detach",
			Begin: func(s *bench.Stage) (err error) {
				l, err = openLibrary(s.Host, false)
				return err
			},
			Up: func(s *bench.Stage) error {
				return traced(s, t.Attach, "plumb attach", "attach", "web", "--pid", strconv.Itoa(s.PID))
			},
			Down: func(s *bench.Stage) error { return traced(s, t.Detach, "plumb detach", "detach", "web") },
			End:  func(*bench.Stage) error { return l.close() },
		},
		{
			Name: "plumb run, traced", Group: bench.GroupRun, UpName: "run",
			Begin: func(s *bench.Stage) error { return writeRootfs(s.Dir + "/rootfs") },
			Up: func(s *bench.Stage) error {
				return traced(s, t.Run, "plumb run", "run", "--name", "web", "--rootfs", s.Dir+"/rootfs", "-p", "8080:80", "--dns", "8.8.8.8", "--", "/bin/true")
			},
		},
	}
}

// traced runs plumb with a trace, and tells a profile of it.
func traced(s *bench.Stage, p *bench.Profile, what string, args ...string) error {
	start := time.Now()
	err := s.Run(bench.Program{Path: s.Plumb, Args: append([]string{args[0], "--trace=json"}, args[1:]...)})
	took := time.Since(start)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(s.Dir, "output"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "{") {
			e, err := parseEvent([]byte(line))
			if err != nil {
				return err
			}
			p.Trace(e)
		}
	}
	p.Done(what, start, took)
	return nil
}

// parseEvent reads an event of --trace=json, as far as a profile needs it.
func parseEvent(line []byte) (e wire.Event, err error) {
	var v struct {
		Kind, Namespace, Purpose, Protocol string
		Time                               time.Time
		TookNs                             int64
		Sent                               bool
		Header                             struct {
			Type uint16 `json:"nlmsg_type"`
		}
	}
	if err := json.Unmarshal(line, &v); err != nil {
		return e, fmt.Errorf("an event of a trace: %w", err)
	}
	kinds := map[string]wire.EventKind{"begin": wire.KindBegin, "end": wire.KindEnd, "step": wire.KindStep, "message": wire.KindMessage}
	kind, ok := kinds[v.Kind]
	if !ok {
		return e, fmt.Errorf("an event of a trace: kind %q", v.Kind)
	}
	e = wire.Event{Kind: kind, Sent: v.Sent, Time: v.Time, Latency: time.Duration(v.TookNs), Namespace: v.Namespace, Purpose: v.Purpose}
	if kind == wire.KindMessage {
		e.Message = binary.NativeEndian.AppendUint16(make([]byte, 4, unix.SizeofNlMsghdr), v.Header.Type)
		if e.Protocol = rtnl.Protocol; v.Protocol == "NETLINK_NETFILTER" {
			e.Protocol = nat.Protocol
		}
	}
	return e, nil
}

// writeRootfs makes a root file system of busybox alone.
func writeRootfs(dir string) error {
	for _, busybox := range []string{"/bin/busybox", "/usr/bin/busybox"} {
		program, err := os.ReadFile(busybox)
		if err != nil {
			continue
		}
		var errs []error
		for _, d := range []string{"bin", "dev", "etc", "proc", "sys", "tmp", "run"} {
			errs = append(errs, os.MkdirAll(filepath.Join(dir, d), 0o755))
		}
		return errors.Join(append(errs, os.WriteFile(dir+"/bin/busybox", program, 0o755), os.Symlink("busybox", dir+"/bin/true"))...)
	}
	return errors.New("there is no busybox, of which the container's root file system is made")
}
