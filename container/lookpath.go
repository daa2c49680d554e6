package container

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// defaultPath is where commands are looked up when the environment has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func withPath(env []string) []string {
	for _, entry := range env {
		if strings.HasPrefix(entry, "PATH=") {
			return env
		}
	}
	return append(env[:len(env):len(env)], "PATH="+defaultPath)
}

// LookPath finds the command name as execvp(3) does, in the root file system that this process is in by now: the first file in PATH that may
// be executed. The error is the best that was met: EACCES for a file that may not be, ENOENT if there is none.
func LookPath(name string, env []string) (string, error) {
	if name == "" { // path.Join would make the directory itself of it
		return "", fmt.Errorf("no command given: its name is empty: %w", unix.ENOENT)
	}
	files, dirs := candidates(name, env)
	if files[0] == name {
		return name, executable(name)
	}
	found := error(unix.ENOENT)
	for _, file := range files {
		err := executable(file)
		if err == nil {
			return file, nil
		}
		if errors.Is(err, unix.EACCES) {
			found = err
		}
	}
	if found == unix.ENOENT {
		return "", fmt.Errorf("%s: command not found in the container's PATH (%s): %w", name, dirs, unix.ENOENT)
	}
	return "", found
}

// candidates are the files that the command name may be, in the order of PATH: itself, if it has a slash, and then dirs is "".
func candidates(name string, env []string) (files []string, dirs string) {
	if strings.Contains(name, "/") {
		return []string{name}, ""
	}
	for _, entry := range env {
		if value, isPath := strings.CutPrefix(entry, "PATH="); isPath {
			dirs = value
		}
	}
	for dir := range strings.SplitSeq(dirs, ":") {
		file := path.Join(dir, name)
		if dir == "" {
			file = "./" + name
		}
		files = append(files, file)
	}
	return files, dirs
}

// executable says why file cannot be executed.
func executable(file string) error {
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err != nil {
		return &os.PathError{Op: "exec", Path: file, Err: err}
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return &os.PathError{Op: "exec", Path: file, Err: fmt.Errorf("%w: it is a directory", unix.EACCES)}
	}
	if err := unix.Access(file, unix.X_OK); err != nil {
		return &os.PathError{Op: "exec", Path: file, Err: err}
	}
	return nil
}

// explainExec says what the kernel means by an exec that fails although the file is there and executable. See execve(2).
func explainExec(file string, err error) error {
	switch err {
	case unix.ENOENT:
		err = fmt.Errorf("%w: the file is there, but its interpreter (the #! line, or the dynamic loader) is not in the root file system", err)
	case unix.ENOEXEC:
		err = fmt.Errorf("%w: not a program for this machine, or a script without a #! line", err)
	}
	return &os.PathError{Op: "exec", Path: file, Err: err}
}

// errnoOf returns the kernel's error in err's chain.
func errnoOf(err error) (errno unix.Errno, found bool) {
	found = errors.As(err, &errno)
	return errno, found
}

// closeOnExecAbove marks every descriptor above last close-on-exec, also those that were inherited by accident (CVE-2024-21626).
func closeOnExecAbove(last int) error {
	err := unix.CloseRange(uint(last)+1, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
	if err == unix.EINVAL {
		return unix.ENOSYS // the flag came with Linux 5.11, the call with 5.9
	}
	return err
}
