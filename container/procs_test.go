package container_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container"
	"plumb/test/lab"
)

// The first of a container's processes is its PID 1, however old the others are.
func TestProcesses(t *testing.T) {
	t.Parallel()
	p := background(t, container.ProcessSpec{}, "sleep 1000 & sleep 1000 & echo ready; wait")
	_, inode := p.NetNS().ID()
	all, err := container.Processes()
	if err != nil {
		t.Fatal(err)
	}
	list := all[inode]
	if len(list) != 3 || list[0].PID != p.PID() || !list[0].Init || list[1].Init || list[2].Init {
		t.Fatalf("in the container there is %+v, want process %d first and two others", list, p.PID())
	}
	uptime := bootTime(t)
	if age := uptime - list[0].Started; age < 0 || age > time.Minute {
		t.Errorf("process %d began %s after boot, and now is %s", p.PID(), list[0].Started, uptime)
	}
	p.Kill()
	p.Wait()
	if all, err = container.Processes(); err != nil || len(all[inode]) != 0 {
		t.Errorf("after the end: %+v, %v", all[inode], err)
	}
}

// In a namespace without a pid namespace the oldest is the main process.
func TestOldestProcess(t *testing.T) {
	t.Parallel()
	ns := lab.NewNS(t)
	_, inode := ns.ID()
	var pids []int
	for range 3 {
		cmd := exec.Command("sleep", "1000")
		if err := ns.Do(cmd.Start); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		pids = append(pids, cmd.Process.Pid)
	}
	all, err := container.Processes()
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, p := range all[inode] {
		got = append(got, p.PID)
	}
	if !slices.IsSorted(pids) { // the numbers began anew, and of those that began in one tick the lower is taken for the older
		slices.Sort(pids)
		slices.Sort(got)
	}
	if !slices.Equal(got, pids) {
		t.Errorf("processes %v, want %v", got, pids)
	}
}

// Processes that end while they are looked at are no error, and no wrong entry.
func TestProcessesThatVanish(t *testing.T) {
	t.Parallel()
	ns := lab.NewNS(t)
	_, inode := ns.ID()
	ended := make(chan error)
	go func() {
		var err error
		for range 200 {
			cmd := exec.Command("true")
			if err = ns.Do(cmd.Start); err == nil {
				err = cmd.Wait()
			}
			if err != nil {
				break
			}
		}
		ended <- err
	}()
	seen := 0
	for {
		all, err := container.Processes()
		if err != nil {
			t.Error(err)
		}
		for _, p := range all[inode] {
			seen++
			if p.PID == 0 || p.Started == 0 || p.Init {
				t.Errorf("it sees %+v", p)
			}
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			t.Logf("%d of them were seen", seen)
			return
		default:
		}
	}
}

func BenchmarkProcesses(b *testing.B) {
	for b.Loop() {
		if _, err := container.Processes(); err != nil {
			b.Fatal(err)
		}
	}
}

// background runs a script in a container until the test ends, and returns when the script has said "ready".
func background(t *testing.T, spec container.ProcessSpec, script string) *container.Process {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	run := sh(script)
	run.Rootfs, run.Init, run.Dir, run.Env, run.NetNS = spec.Rootfs, spec.Init, spec.Dir, spec.Env, spec.NetNS
	run.Stdout, run.Stderr = w, w
	p, err := container.StartProcess(context.Background(), run)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill(); p.Wait() })
	if err := p.Release(testFiles); err != nil {
		t.Fatal(err)
	}
	r.SetReadDeadline(time.Now().Add(20 * time.Second))
	if line, err := bufio.NewReader(r).ReadString('\n'); line != "ready\n" {
		t.Fatalf("it says %q, %v, want ready", line, err)
	}
	return p
}

func bootTime(t *testing.T) time.Duration {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		t.Fatal(err)
	}
	return time.Duration(now.Nano())
}
