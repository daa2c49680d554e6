package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// rootfs makes a root file system: busybox and nothing else. It must be static.
func rootfs(s *Stage) error {
	busybox, err := find("busybox", path)
	if err != nil {
		return fmt.Errorf("%w, of which the container's root file system is made", err)
	}
	var errs []error
	for _, dir := range []string{"bin", "dev", "etc", "proc", "sys", "tmp", "run"} {
		errs = append(errs, os.MkdirAll(s.Dir+"/rootfs/"+dir, 0o755))
	}
	return errors.Join(append(errs, copyFile(s.Dir+"/rootfs/bin/busybox", busybox), os.Symlink("busybox", s.Dir+"/rootfs/bin/true"))...)
}

// The least that an OCI runtime runs a command by: no masked paths, no seccomp, no device rules, and a network namespace with nothing in it. All
// that it spares the runtime, plumb does.
const ociConfig = `{"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "hostname": "web",
"process": {"args": ["/bin/true"], "env": ["PATH=/bin"], "cwd": "/", "noNewPrivileges": true},
"mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}],
"linux": {"namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}, {"type": "cgroup"}]}}`

// ociRuntime is an OCI runtime. One that does not like the second hierarchy of control groups, which is empty, does not get to see it.
func ociRuntime(name string, noUnified bool) Rival {
	return Rival{
		Name: name, Group: GroupRun, UpName: "run without a network",
		Begin: func(s *Stage) error {
			if err := needs(name); err != nil {
				return err
			}
			if err := rootfs(s); err != nil {
				return err
			}
			return os.WriteFile(s.Dir+"/config.json", []byte(ociConfig), 0o644)
		},
		Up: func(s *Stage) error {
			program, err := find(name, path)
			if err != nil {
				return err
			}
			args := []string{"--root", s.Dir + "/state", "run", "--bundle", s.Dir, cgroupName(name)}
			return s.Run(hidden(program, args, noUnified))
		},
	}
}

const (
	unified     = "/sys/fs/cgroup/unified"
	hideUnified = "umount " + unified + " 2>/dev/null || :" // in a user namespace it cannot be, and may not be there
)

// hidden is a program, before which the shell hides the second hierarchy of control groups where there is one.
func hidden(program string, args []string, hide bool) Program {
	if _, err := os.Stat(unified); err != nil || !hide {
		return Program{Path: program, Args: args}
	}
	return inShell(hideUnified, program, args)
}

// inShell is a program in mounts of its own, which a command of the shell has arranged.
func inShell(first, program string, args []string) Program {
	return Program{Path: "/bin/sh", Mount: true, Args: append([]string{"-e", "-c", first + "\nexec \"$@\"", "sh", program}, args...)}
}

// cgroupName is what the containers of a rival, and its control groups, are called: its own, as no two can have one.
func cgroupName(rival string) string { return fmt.Sprintf("plumb-bench-%d-%s", os.Getpid(), rival) }

// removeCgroups removes the control groups of that name, in each hierarchy, with those in them. Nothing runs in them any more.
func removeCgroups(name string) error {
	var errs []error
	for _, hierarchy := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		for _, below := range []string{"/*", ""} { // podman has one for its monitors
			found, _ := filepath.Glob(hierarchy + "/" + name + below)
			for _, path := range found {
				if info, err := os.Stat(path); err == nil && info.IsDir() {
					errs = append(errs, os.Remove(path))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// podman has everything below the stage's directory, and where it does not ask, in mounts of its own: nothing of the machine's own containers is seen,
// and nothing is left of the lab's.
func podman() Rival {
	run := func(s *Stage, args ...string) error {
		program, err := find("podman", path)
		if err != nil {
			return err
		}
		d := s.Dir
		all := append([]string{"--root", d + "/root", "--runroot", d + "/runroot", "--tmpdir", d + "/tmp", "--network-config-dir", d + "/networks"}, args...)
		first := "mount -t tmpfs none /run\nmount -t tmpfs none /var/lib"
		if _, err := os.Stat(unified); err == nil {
			first += "\n" + hideUnified
		}
		p := inShell(first, program, all)
		p.Env = []string{"CONTAINERS_CONF=" + d + "/containers.conf", "XDG_RUNTIME_DIR=" + d}
		return s.Run(p)
	}
	return Rival{
		Name: "podman", Group: GroupRun, UpName: "run with network and ports",
		Begin: func(s *Stage) error {
			if err := needs("podman"); err != nil {
				return err
			}
			if err := rootfs(s); err != nil {
				return err
			}
			const conf = "[containers]\ndefault_ulimits = [\"nofile=20000:20000\", \"nproc=32768:32768\"]\n" +
				"[engine]\ncgroup_manager = \"cgroupfs\"\nlock_type = \"file\"\nevents_logger = \"file\"\n" +
				"[network]\nnetwork_backend = \"cni\"\ncni_plugin_dirs = [\"/opt/cni/bin\", \"/usr/lib/cni\", \"/usr/libexec/cni\"]\n"
			return os.WriteFile(s.Dir+"/containers.conf", []byte(conf), 0o644)
		},
		End: func(*Stage) error { return removeCgroups(cgroupName("podman")) },
		Up: func(s *Stage) error {
			return run(s, "run", "--rm", "--cgroup-parent", "/"+cgroupName("podman"), "-p", "8080:80", "--dns", "8.8.8.8", "--rootfs", s.Dir+"/rootfs", "/bin/true")
		},
	}
}
