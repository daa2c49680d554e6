package doctor

import (
	"fmt"
	"os"

	"plumb/container/netns"

	"golang.org/x/sys/unix"
)

// mounts tries what a container's root file system needs, in a mount namespace that ends with the thread that has made it.
func (d *doctor) mounts() {
	d.group = "kernel"
	done := make(chan []Check)
	go netns.OnLostThread(func() {
		m := &doctor{group: d.group}
		m.mountsHere()
		done <- m.checks
	})
	d.checks = append(d.checks, <-done...)
}

// mountsHere moves the thread into namespaces of its own and mounts there.
func (d *doctor) mountsHere() {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		d.unseen("mount namespaces", os.NewSyscallError("unshare", err))
		return
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		d.unseen("mount namespaces", os.NewSyscallError("mount", err))
		return
	}
	d.ok("mount namespaces", "each container has its own")
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		d.add("cgroup namespaces", Problem, "containers are started in one: "+err.Error(), "rebuild the kernel with CONFIG_CGROUPS")
	} else {
		d.ok("cgroup namespaces", "a container does not see the host's cgroups")
	}
	const dir = "/proc" // there is one on every host, and nobody else sees what is mounted on it here
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		d.add("tmpfs", Problem, "layers are in memory: "+err.Error(), "rebuild the kernel with CONFIG_TMPFS")
		return
	}
	d.tryMount("overlayfs", "a container writes into a layer that is thrown away", module("overlay", "OVERLAY_FS"), overlay(dir))
	d.tryMount("mount_setattr", "a tree of mounts is made read-only at once (Linux 5.12)", "a kernel from Linux 5.12 on has it", setattr(dir))
}

func (d *doctor) tryMount(name, detail, mend string, err error) {
	if err != nil {
		d.add(name, Warning, detail+": "+err.Error(), mend)
		return
	}
	d.ok(name, detail)
}

// overlay mounts a layer over a directory.
func overlay(dir string) error {
	for _, sub := range []string{"lower", "upper", "work", "merged"} {
		if err := unix.Mkdir(dir+"/"+sub, 0o700); err != nil {
			return fmt.Errorf("make a directory: %w", err)
		}
	}
	options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", dir)
	if err := unix.Mount("overlay", dir+"/merged", "overlay", 0, options); err != nil {
		return err
	}
	return unix.Mkdir(dir+"/merged/file", 0o700) // what cannot be written is no layer
}

// setattr makes a copy of a mount read-only.
func setattr(dir string) error {
	fd, err := unix.OpenTree(unix.AT_FDCWD, dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
}
