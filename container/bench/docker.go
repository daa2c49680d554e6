package bench

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A dockerDaemon is a daemon of Docker's of the stage's own, on its host: with its own containerd, images, networks and socket. Nothing of a daemon
// that the machine may have is seen, and nothing is left of this one.
type dockerDaemon struct {
	shell *os.Process
	input *os.File // of the shell: its end is the daemon's
}

// The shell is the first process of a pid namespace, so that all ends with it; and it reads what nobody writes, so that it ends with plumb, however
// that ends.
const dockerScript = `mount -t proc proc /proc
mount -t tmpfs none /run
mount -t tmpfs none /var/lib
` + hideUnified + `
exec 3<&0
dockerd --config-file "$1/daemon.json" --data-root "$1/data" --exec-root "$1/exec" --pidfile "$1/pid" --host "unix://$1/socket" \
	--cgroup-parent "/$2" --exec-opt native.cgroupdriver=cgroupfs <&- &
daemon=$!
{ read -r _ <&3 || kill "$daemon"; } &
wait "$daemon" || status=$?
rmdir /sys/fs/cgroup/*/"$2" "/sys/fs/cgroup/$2" 2>/dev/null || true
exit ${status:-0}
`

const (
	dockerStart = 60 * time.Second // for the daemon and containerd to start: they take a second
	dockerImage = "plumb-bench"
)

// docker is Docker with a daemon of its own, which has started when the time begins: what is measured is the client, and what it has the daemon do.
func docker() Rival {
	var d dockerDaemon
	return Rival{
		Name: "docker", Group: GroupRun, UpName: "run with network and ports",
		Begin: func(s *Stage) error {
			if err := needs("docker", "dockerd", "containerd", "runc", "iptables", "mount", "umount"); err != nil {
				return err
			}
			if ids := strings.Fields(read("/proc/self/uid_map")); len(ids) != 3 || ids[0] != "0" || ids[1] != "0" {
				return errors.New("its daemon needs the machine's root, and this is one of a user namespace")
			}
			if err := rootfs(s); err != nil {
				return err
			}
			if err := d.start(s); err != nil {
				return err
			}
			return dockerClient(s, "/bin/sh", "-c", `busybox tar -c -C "$1" . | docker import - `+dockerImage, "sh", s.Dir+"/rootfs")
		},
		Up: func(s *Stage) error {
			program, err := find("docker", path)
			if err != nil {
				return err
			}
			return dockerClient(s, program, "run", "--rm", "-p", "8080:80", "--dns", "8.8.8.8", dockerImage, "/bin/true")
		},
		End: func(*Stage) error { return d.stop() },
	}
}

// dockerClient runs a client of the stage's daemon.
func dockerClient(s *Stage, program string, args ...string) error {
	return s.Run(Program{Path: program, Args: args, Env: []string{"DOCKER_HOST=unix://" + s.Dir + "/socket", "DOCKER_CONFIG=" + s.Dir}})
}

// start starts the daemon, and returns when it says that it answers, as it would tell systemd (sd_notify(3)), or that it has ended.
func (d *dockerDaemon) start(s *Stage) error {
	if err := os.WriteFile(s.Dir+"/daemon.json", []byte("{}"), 0o644); err != nil {
		return err
	}
	const notify = "/notify"
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket(AF_UNIX): %w", err)
	}
	defer unix.Close(socket)
	if err := unix.Bind(socket, &unix.SockaddrUnix{Name: s.Dir + notify}); err != nil {
		return fmt.Errorf("bind %s: %w", s.Dir+notify, err)
	}
	if err := d.run(s, s.Dir+notify); err != nil {
		return err
	}
	ended, err := unix.PidfdOpen(d.shell.Pid, 0)
	if err != nil {
		return fmt.Errorf("watch dockerd: %w", err)
	}
	defer unix.Close(ended)
	events := []unix.PollFd{{Fd: int32(socket), Events: unix.POLLIN}, {Fd: int32(ended), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(events, int(dockerStart.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("wait for dockerd: %w", err)
		case n == 0:
			return fmt.Errorf("dockerd does not answer within %s: %s", dockerStart, d.said(s))
		case events[1].Revents != 0:
			return fmt.Errorf("dockerd cannot run here: %s", d.said(s))
		}
		var text [4096]byte
		if n, _, err := unix.Recvfrom(socket, text[:], 0); err == nil && strings.Contains(string(text[:n]), "READY=1") {
			return nil
		}
	}
}

// said is the last that the daemon has printed.
func (d *dockerDaemon) said(s *Stage) string {
	text, err := os.ReadFile(s.Dir + dockerLog)
	if err != nil {
		return err.Error()
	}
	return lastLine(text)
}

const dockerLog = "/daemon.log"

// run starts the shell that runs the daemon.
func (d *dockerDaemon) run(s *Stage, notify string) error {
	out, err := os.Create(s.Dir + dockerLog)
	if err != nil {
		return err
	}
	defer out.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	args := []string{"sh", "-e", "-c", dockerScript, "sh", s.Dir, cgroupName("docker")}
	err = s.Host.Do(func() (err error) {
		d.shell, err = os.StartProcess("/bin/sh", args, &os.ProcAttr{
			Files: []*os.File{r, out, out},
			Env:   []string{"PATH=" + path, "HOME=" + s.Dir, "NOTIFY_SOCKET=" + notify},
			Sys:   &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID, Unshareflags: unix.CLONE_NEWNS},
		})
		return err
	})
	if err != nil {
		return errors.Join(err, w.Close())
	}
	d.input = w
	return nil
}

// stop has the daemon end, and all that it has started.
func (d *dockerDaemon) stop() error {
	if d.shell == nil {
		return nil
	}
	err := d.input.Close()
	late := time.AfterFunc(dockerStart, func() { d.shell.Kill() })
	defer late.Stop()
	state, waitErr := d.shell.Wait()
	if waitErr == nil && !state.Success() {
		waitErr = fmt.Errorf("dockerd: %s", state)
	}
	d.shell = nil
	return errors.Join(err, waitErr)
}
