package container_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container"
	"plumb/test/lab"
)

func TestPrivileges(t *testing.T) {
	t.Parallel()
	_, out := run(t, sh("grep -E '^(Cap|NoNewPrivs|SigBlk|SigIgn)' /proc/self/status"))
	want := "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n" +
		"CapInh:\t0000000000000000\nCapPrm:\t00000000a00405fb\nCapEff:\t00000000a00405fb\nCapBnd:\t00000000a00405fb\nCapAmb:\t0000000000000000\n" +
		"NoNewPrivs:\t1\n"
	if out != want {
		t.Errorf("status is\n%s want\n%s", out, want)
	}
	for _, c := range []int{unix.CAP_NET_RAW, unix.CAP_NET_ADMIN, unix.CAP_SYS_ADMIN, unix.CAP_MKNOD, unix.CAP_SYS_MODULE, unix.CAP_SYS_PTRACE} {
		if uint64(0xa00405fb)&(1<<c) != 0 {
			t.Errorf("capability %d is kept", c)
		}
	}
}

// A descriptor that someone forgot to mark close-on-exec does not reach the command.
func TestDescriptorsDoNotLeak(t *testing.T) {
	fd, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	outputs(t, map[string]string{"ls -m /proc/$$/fd": "0, 1, 2\n"})
}

func TestProtectedPaths(t *testing.T) {
	t.Parallel()
	outputs(t, map[string]string{
		"cat /proc/kcore /proc/keys /proc/timer_list /proc/interrupts 2>/dev/null; ls /proc/acpi /proc/scsi /sys/firmware 2>/dev/null | grep -v ^/ | grep .":                             "",
		"for f in /proc/sys/kernel/panic /proc/sysrq-trigger /proc/irq/default_smp_affinity /sys/kernel/profiling; do [ -e $f ] && (echo 0 >$f) 2>&1 | grep -vi 'read-only'; done; true": "",
		"mount -t tmpfs x /tmp 2>/dev/null || echo refused; umount /proc/keys 2>/dev/null || echo refused; mknod /tmp/m b 8 0 2>/dev/null || echo refused":                               "refused\nrefused\nrefused\n",
		"unshare -n true 2>/dev/null || echo refused; hostname other 2>/dev/null || echo refused":                                                                                        "refused\nrefused\n",
	})
}

// The container writes all over its root; nothing of that is on the host, and no mount either.
func TestHostIsNotWritten(t *testing.T) {
	dir := t.TempDir()
	os.Chmod(dir, 0o777)
	before := lab.Mounts(t)
	script := "echo x >" + dir + "/file && cat " + dir + "/file; rm -f /etc/passwd; echo x >/etc/plumb-test-file && cat /etc/plumb-test-file; ls /etc/passwd 2>/dev/null"
	if _, out := run(t, sh(script)); out != "x\nx\n" {
		t.Errorf("it wrote %q: no writable layer", out)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("the host's %s has %v", dir, entries)
	}
	if _, err := os.Stat("/etc/plumb-test-file"); err == nil {
		t.Error("the host's /etc was written")
	}
	if _, err := os.Stat("/etc/passwd"); err != nil {
		t.Error("the host's /etc/passwd:", err)
	}
	if after := lab.Mounts(t); after != before {
		t.Errorf("mounts before\n%s after\n%s", before, after)
	}
}

// The old root must be gone from the mount namespace, and not only out of sight.
func TestHostsMountsAreGone(t *testing.T) {
	t.Parallel()
	_, out := run(t, sh("cut -d' ' -f5 /proc/self/mountinfo"))
	paths := strings.Fields(out)
	for _, path := range []string{"/", "/proc", "/dev", "/dev/pts"} {
		if n := len(slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return p != path })); n != 1 {
			t.Errorf("%d mounts on %s, want 1:\n%s", n, path, out)
		}
	}
}

// CVE-2019-5736: while the first process is still this program, what /proc shows as its file is on a read-only mount, or a sealed
// copy. (Opening it for writing would prove nothing: as long as this test runs, that is ETXTBSY anyway.)
func TestProgramIsNotWritable(t *testing.T) {
	t.Parallel()
	p, _ := start(t, sh("true"))
	exe, err := unix.Open("/proc/"+strconv.Itoa(p.PID())+"/exe", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(exe)
	var fs unix.Statfs_t
	if err := unix.Fstatfs(exe, &fs); err != nil {
		t.Fatal(err)
	}
	seals, err := unix.FcntlInt(uintptr(exe), unix.F_GET_SEALS, 0)
	sealed := err == nil && seals&unix.F_SEAL_WRITE != 0
	if fs.Flags&unix.ST_RDONLY == 0 && !sealed {
		t.Errorf("flags of the mount %#x, seals %#x, %v: writable", fs.Flags, seals, err)
	}
}

// A rootfs is used as it is: writable, with symlinks that lead nowhere outside, and mount points that it lacks are made.
func TestGivenRootfs(t *testing.T) {
	t.Parallel()
	dir := tinyRootfs(t)
	spec := container.ProcessSpec{Args: []string{"/helper"}, Env: []string{helperEnv + "=hello"}, Rootfs: dir}
	if status, out := run(t, spec); status != 0 || out != "hello\n" {
		t.Fatalf("status %d, it wrote %q", status, out)
	}
	// Absolute links, and more ".." than there are directories, stay inside.
	outside := t.TempDir()
	for _, name := range []string{"etc/resolv.conf", "etc/hosts", "proc", "dev"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{
		"etc/resolv.conf": "../run/systemd/resolve/stub-resolv.conf", "etc/hosts": "../../../../../../../run/hosts", "proc": outside, "dev": "../../" + outside,
	} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, outside), 0o755); err != nil {
		t.Fatal(err)
	}
	if status, out := run(t, spec); status != 0 || out != "hello\n" {
		t.Errorf("with links: status %d, it wrote %q", status, out)
	}
	if entries, _ := os.ReadDir(outside); len(entries) != 0 {
		t.Errorf("outside of the root there is %v", entries)
	}
}

func TestRunInAnEmptyChroot(t *testing.T) {
	dir := tinyRootfs(t)
	proc := filepath.Join(dir, "proc")
	if err := os.Mkdir(proc, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("proc", proc, "proc", 0, ""); err != nil {
		t.Skip("mount /proc in the chroot: ", err) // not the owner of the pid namespace: a user namespace, where a chroot could not clone one either
	}
	defer unix.Unmount(proc, unix.MNT_DETACH)
	before, files := lab.Mounts(t), names(t, dir)
	out, err := helperCommand("chroot", "CHROOT="+dir).CombinedOutput()
	if err != nil || string(out) != "00000000a00005fb\n" {
		t.Errorf("%v, it wrote %q, want all kept capabilities but CAP_SYS_CHROOT", err, out)
	}
	if after := lab.Mounts(t); after != before {
		t.Errorf("mounts before\n%s after\n%s", before, after)
	}
	if after := names(t, dir); !slices.Equal(after, files) {
		t.Errorf("the chroot holds %q, was %q", after, files)
	}
}

func names(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// An initramfs cannot be pivoted away from: the new root is moved over it. The host's mounts do not see that, nor its disk.
func TestRootIsMovedInAnInitramfs(t *testing.T) {
	before := lab.Mounts(t)
	mark := filepath.Join(t.TempDir(), "mark")
	cmd := helperCommand("move", "MARK="+mark)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "moved\n" {
		t.Errorf("%v, it wrote %q", err, out)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Errorf("%s is on the host", mark)
	}
	if after := lab.Mounts(t); after != before {
		t.Errorf("mounts before\n%s after\n%s", before, after)
	}
}

// kill 0 inside is for the container's process group, which must not be the caller's.
func TestProcessGroupIsItsOwn(t *testing.T) {
	t.Parallel()
	outputs(t, map[string]string{"trap 'echo got' TERM; kill -TERM 0; echo end": "got\nend\n"})
}

// Whenever the program that runs a container is killed, the container ends, and no mount is left.
func TestKilledAtAnyMoment(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	before := lab.Mounts(t)
	reached := 0
	for range rounds {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd := helperCommand("victim")
		cmd.Stdout = w
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		<-time.After(time.Duration(rand.IntN(20_000)) * time.Microsecond) // the moment is the test's point
		cmd.Process.Kill()
		cmd.Wait()
		// Every process of the container holds the pipe from its clone on, so its end is theirs.
		r.SetReadDeadline(time.Now().Add(10 * time.Second))
		var out bytes.Buffer
		if _, err := io.Copy(&out, r); err != nil {
			t.Fatalf("some process of the container lives on: %v (it wrote %q)", err, out.String())
		}
		r.Close()
		if strings.Contains(out.String(), "running <nil>") {
			reached++
		}
	}
	t.Logf("killed %d of %d times while the command ran, else before", reached, rounds)
	if after := lab.Mounts(t); after != before {
		t.Errorf("mounts before\n%s after\n%s", before, after)
	}
}
