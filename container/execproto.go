package container

import (
	"fmt"
	"strconv"
)

// What Exec, its helper and the command's process tell each other, over one socket pair:
//
//	Exec   → helper   execSpec       at once
//	helper → Exec     the pid        the command's process is forked, and waits
//	Exec   → process  one byte       it has the terminal
//	helper → Exec     initReport     Exec: the command runs; or what failed
//	helper → Exec     end of file    helper and process have closed the socket
//
// The end of Exec's process is the end of file for the command's, until it execs.

// execSpec is what the helper makes a script of.
type execSpec struct {
	Args       []string
	Env        []string
	Dir        string // "" stays where it is
	Namespaces int    // CLONE_NEW… of those that are entered by descriptor targetFD, a pidfd or a network namespace
	Root       bool   // descriptor rootFD is the root directory
	NoNewPrivs bool
	Limit      bool   // to the capabilities in Caps
	Caps       uint64 // bits as in /proc/PID/status
	User       *User
	OpenFiles  uint64 // limit of open files (RLIMIT_NOFILE), the soft one; 0 leaves it as it is
}

// The descriptors of the helper besides 0, 1, 2 and socketFD.
const (
	targetFD = 4
	rootFD   = 5
)

func (s execSpec) frame() frame {
	caps, user := "", ""
	if s.Limit {
		caps = strconv.FormatUint(s.Caps, 16)
	}
	if s.User != nil {
		user = s.User.String()
	}
	f := frame{s.Dir, strconv.Itoa(s.Namespaces), strconv.FormatBool(s.Root), strconv.FormatBool(s.NoNewPrivs), caps, user, strconv.FormatUint(s.OpenFiles, 10), strconv.Itoa(len(s.Args))}
	return append(append(f, s.Args...), s.Env...)
}

func receiveExecSpec(r frameReader) (s execSpec, err error) {
	f, err := receiveFrame(r, 9)
	if err != nil {
		return s, err
	}
	s = execSpec{Dir: f[0], Root: f[2] == "true", NoNewPrivs: f[3] == "true", Limit: f[4] != ""}
	if s.Namespaces, err = strconv.Atoi(f[1]); err != nil {
		return s, fmt.Errorf("a spec with namespaces %q", f[1])
	}
	if s.Limit {
		if s.Caps, err = strconv.ParseUint(f[4], 16, 64); err != nil {
			return s, fmt.Errorf("a spec with capabilities %q", f[4])
		}
	}
	if f[5] != "" {
		user, err := ParseUser(f[5])
		if err != nil {
			return s, err
		}
		s.User = &user
	}
	if s.OpenFiles, err = strconv.ParseUint(f[6], 10, 64); err != nil {
		return s, fmt.Errorf("a spec with a limit of %q open files", f[6])
	}
	args, err := strconv.Atoi(f[7])
	if err != nil || args < 1 || args > len(f)-8 {
		return s, fmt.Errorf("a spec with %q arguments among %d strings", f[7], len(f))
	}
	s.Args, s.Env = f[8:8+args], f[8+args:]
	return s, nil
}

func pidFrame(pid int) frame { return frame{strconv.Itoa(pid)} }

// receivePID reads the pid of the command's process, or the report of what failed before there was one.
func receivePID(r frameReader) (int, error) {
	f, err := receiveFrame(r, 1)
	if err != nil {
		return 0, err
	}
	if len(f) > 1 {
		report, err := parseReport(f)
		if err != nil {
			return 0, err
		}
		return 0, report.error()
	}
	pid, err := strconv.ParseUint(f[0], 10, 31)
	if err != nil || pid == 0 {
		return 0, fmt.Errorf("a process with pid %q", f[0])
	}
	return int(pid), nil
}
