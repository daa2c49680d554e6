package container

import (
	"errors"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// Files is the text of the files that plumb provides in /etc of every container. An empty Hostname file is filled with the
// container's host name.
type Files struct {
	ResolvConf string
	Hosts      string
	Hostname   string
}

// etcFiles are the container's /etc/resolv.conf, hosts and hostname: files of the stage, writable in the container, mounted before their text is known.
type etcFiles struct {
	resolvConf, hosts, hostname *os.File
}

// mountFiles makes the files and mounts them in the root.
func (r *rootfs) mountFiles() (etcFiles, error) {
	var files etcFiles
	for _, f := range []struct {
		name string
		file **os.File
	}{{"resolv.conf", &files.resolvConf}, {"hosts", &files.hosts}, {"hostname", &files.hostname}} {
		var err error
		if *f.file, err = r.mountFile(f.name); err != nil {
			return files, fmt.Errorf("provide /etc/%s: %w", f.name, err)
		}
	}
	return files, nil
}

func (r *rootfs) mountFile(name string) (*os.File, error) {
	source := "files/" + name
	fd, err := unix.Openat(r.stage, source, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, &os.PathError{Op: "create", Path: source, Err: err}
	}
	file := os.NewFile(uintptr(fd), source)
	target, err := r.openFileTarget("/etc/" + name)
	if errors.Is(err, unix.EROFS) {
		// A read-only copy of the host's /etc that has no such file: nothing can be mounted there, and nothing misleads.
		return file, nil
	}
	if err != nil {
		return nil, err
	}
	defer unix.Close(target)
	mnt, err := cloneTree(r.stage, source, false)
	if err != nil {
		return nil, err
	}
	defer unix.Close(mnt)
	return file, attach(mnt, target)
}

// openFileTarget opens what a file is mounted on. name may be a symlink, as with systemd-resolved: it leads where it leads inside the root. Where it leads
// nowhere, it is replaced if the root is a layer; otherwise its target is created, below /run, which is the container's own.
func (r *rootfs) openFileTarget(name string) (int, error) {
	fd, err := openIn(r.root, name, unix.O_PATH)
	if err == nil {
		return r.checkFileTarget(fd, name)
	}
	if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ELOOP) {
		return -1, err
	}
	dir, err := openDirIn(r.root, path.Dir(name))
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	base := path.Base(name)
	buf := make([]byte, unix.PathMax)
	if n, err := unix.Readlinkat(dir, base, buf); err == nil {
		if !r.layered {
			return r.createLinkTarget(name, string(buf[:n]))
		}
		if err := unix.Unlinkat(dir, base, 0); err != nil {
			return -1, &os.PathError{Op: "replace", Path: name, Err: err}
		}
	}
	if err := createFile(dir, base); err != nil {
		return -1, err
	}
	return openNoLinks(dir, base)
}

func (r *rootfs) checkFileTarget(fd int, name string) (int, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, &os.PathError{Op: "stat", Path: name, Err: err}
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		unix.Close(fd)
		return -1, &os.PathError{Op: "mount a file on", Path: name, Err: unix.EISDIR}
	}
	return fd, nil
}

// createLinkTarget creates what the dangling symlink name leads to, if that is below /run.
func (r *rootfs) createLinkTarget(name, to string) (int, error) {
	if !path.IsAbs(to) {
		to = path.Join(path.Dir(name), to)
	}
	if to = path.Clean(to); !below(to, "/run") {
		return -1, &os.PathError{Op: "mount a file on", Path: name, Err: fmt.Errorf("%w: it is a symlink to %s, which is not there", unix.ENOENT, to)}
	}
	dir, err := openDirIn(r.root, path.Dir(to))
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	if err := createFile(dir, path.Base(to)); err != nil {
		return -1, err
	}
	return openIn(r.root, name, unix.O_PATH)
}

// write fills the files and lets go of them.
func (f etcFiles) write(text Files) error {
	for _, part := range []struct {
		file *os.File
		text string
	}{{f.resolvConf, text.ResolvConf}, {f.hosts, text.Hosts}, {f.hostname, text.Hostname}} {
		if _, err := part.file.WriteString(part.text); err != nil {
			return fmt.Errorf("write the container's %s: %w", part.file.Name(), err)
		}
		part.file.Close()
	}
	return nil
}
