package container

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"plumb/container/netns"
)

// An execTarget is what a command is executed in: a process's surroundings, or a network namespace alone.
type execTarget struct {
	file *os.File // a pidfd, or the namespace
	root *os.File // the root directory; nil: ours
	env  []string
	spec execSpec // its part that the target determines
}

// kinds are the namespaces by their names in /proc/PID/ns.
var kinds = [...]struct {
	name string
	flag int
}{
	{"net", unix.CLONE_NEWNET},
	{"mnt", unix.CLONE_NEWNS},
	{"pid", unix.CLONE_NEWPID},
	{"uts", unix.CLONE_NEWUTS},
	{"ipc", unix.CLONE_NEWIPC},
	{"cgroup", unix.CLONE_NEWCGROUP},
	{"user", unix.CLONE_NEWUSER},
	{"time", unix.CLONE_NEWTIME},
}

// openTarget finds out how the target lives. The end of a process gives its pid to another: so a pidfd is held first, everything is
// read by the pid, and the process is looked at once more. If it still lives then, all was its own.
func openTarget(spec ExecSpec) (*execTarget, error) {
	t := &execTarget{}
	if spec.PID == 0 {
		file, err := dupFile(spec.NetNS.FD())
		t.file, t.spec.Namespaces = file, unix.CLONE_NEWNET
		return t, err
	}
	pidfd, err := unix.PidfdOpen(spec.PID, 0)
	if err != nil {
		return nil, fmt.Errorf("open process %d: %w", spec.PID, explainEnter(err))
	}
	t.file = os.NewFile(uintptr(pidfd), "container")
	if err = t.checkNetNS(pidfd, spec); err == nil {
		err = t.read("/proc/" + strconv.Itoa(spec.PID))
	}
	if ended := checkAlive(pidfd); ended != nil { // and what was read may be another's
		err = ended
	}
	if err != nil {
		t.close()
		return nil, fmt.Errorf("look at process %d: %w", spec.PID, err)
	}
	return t, nil
}

func (t *execTarget) close() {
	t.file.Close()
	if t.root != nil {
		t.root.Close()
	}
}

func (t *execTarget) checkNetNS(pidfd int, spec ExecSpec) error {
	ns, err := netns.FromPidfd(pidfd)
	if err != nil {
		return err
	}
	defer ns.Close()
	if _, ino := ns.ID(); spec.Inode != 0 && ino != spec.Inode {
		return fmt.Errorf("%w: it is in network namespace %s, not in the container's, net:[%d]", unix.ESRCH, ns, spec.Inode)
	}
	return nil
}

func checkAlive(pidfd int) error {
	poll := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}} // readable from the moment that the process ends
	n, err := unix.Poll(poll, 0)
	if err == nil && n > 0 {
		err = explainEnter(unix.ESRCH)
	}
	return err
}

// read reads proc, the process's directory.
//
// The capabilities come before the namespaces. A process that makes itself a user namespace has all of them, over that one; whoever is in our user
// namespace afterwards has never left it, so what was read before is over ours. (Nobody comes back from a user namespace to the one above.)
func (t *execTarget) read(proc string) error {
	if err := t.readStatus(proc + "/status"); err != nil {
		return err
	}
	if err := t.readLimit(proc + "/limits"); err != nil {
		return err
	}
	for _, kind := range kinds {
		theirs, err := os.Readlink(proc + "/ns/" + kind.name)
		if errors.Is(err, os.ErrNotExist) && kind.flag != unix.CLONE_NEWNET {
			continue // the kernel has none of this kind
		}
		if err != nil {
			return err
		}
		ours, err := os.Readlink("/proc/thread-self/ns/" + kind.name)
		if err != nil {
			return err
		}
		if ours != theirs {
			t.spec.Namespaces |= kind.flag
		}
	}
	if err := t.openRoot(proc + "/root"); err != nil {
		return err
	}
	environ, err := os.ReadFile(proc + "/environ")
	t.env = strings.Split(string(environ), "\x00")
	return err
}

// readStatus reads what the process is restricted to. Its bounding set says what it, or a program that it executes, could ever have.
func (t *execTarget) readStatus(file string) error {
	status, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":\t")
		switch name {
		case "CapBnd":
			t.spec.Limit = true
			t.spec.Caps, err = strconv.ParseUint(value, 16, 64)
		case "NoNewPrivs":
			t.spec.NoNewPrivs = value != "0"
		}
		if err != nil {
			return fmt.Errorf("%s: %s %q: %w", file, name, value, err)
		}
	}
	if !t.spec.Limit {
		return fmt.Errorf("%s has no line CapBnd: %w", file, unix.ENOTSUP)
	}
	return nil
}

// readLimit reads how many files the process may have open, which prlimit(2) would tell only of a process with our ids. The helper's own limit is not the one
// that it was started with: Go raises it for itself as far as it goes (os/rlimit.go), which some programs are not made for, as they close each descriptor
// that there could be.
func (t *execTarget) readLimit(file string) error {
	limits, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(limits)) {
		if soft, is := strings.CutPrefix(line, "Max open files"); is {
			t.spec.OpenFiles, err = strconv.ParseUint(strings.Fields(soft)[0], 10, 64)
			return err
		}
	}
	return fmt.Errorf("%s has no line Max open files: %w", file, unix.ENOTSUP)
}

// openRoot opens the process's root directory, unless it is ours in our own mounts. That of the mount namespace need not be it: where
// plumb itself is in a chroot or an initramfs, containers have one as well.
func (t *execTarget) openRoot(file string) error {
	root, err := os.OpenFile(file, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	if t.spec.Namespaces&unix.CLONE_NEWNS == 0 {
		theirs, err1 := root.Stat()
		ours, err2 := os.Stat("/")
		if err := errors.Join(err1, err2); err != nil || os.SameFile(theirs, ours) {
			return errors.Join(err, root.Close())
		}
	}
	t.root = root
	return nil
}

// complete is the specification of the command that spec says, in this target.
func (t *execTarget) complete(spec ExecSpec) execSpec {
	s := t.spec
	s.Args, s.Env, s.Dir, s.User, s.Root = spec.Args, mergeEnv(t.env, spec.Env), spec.Dir, spec.User, t.root != nil
	if s.Dir == "" && s.Root {
		s.Dir = "/"
	}
	if s.User == nil && s.Namespaces&unix.CLONE_NEWUSER != 0 {
		s.User = &User{} // our own ids need not be there
	}
	return s
}

// mergeEnv is base with over's values, which come last.
func mergeEnv(base, over []string) []string {
	var env []string
	for _, list := range [][]string{base, over} {
		for _, entry := range list {
			name, _, isEntry := strings.Cut(entry, "=")
			if !isEntry || name == "" {
				continue
			}
			kept := env[:0]
			for _, other := range env {
				if !strings.HasPrefix(other, name+"=") {
					kept = append(kept, other)
				}
			}
			env = append(kept, entry)
		}
	}
	return env
}
