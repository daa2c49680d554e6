// Command init is the first process of a machine that package kernels boots. It makes the machine usable, takes the steps of /steps.json,
// reports each on the second serial line, and switches the machine off. If it fails otherwise, it ends, and the kernel panics.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container/netns"
	"plumb/test/kernels"
)

// init keeps main on the main thread, whose namespaces are what /proc/self/ns shows.
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) > 1 {
		if err := play(os.Args[1:]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	if err := boot(); err != nil {
		fmt.Fprintf(os.Stderr, "init: %v\n", err)
		os.Exit(1)
	}
}

func boot() error {
	if err := mountAll(); err != nil {
		return err
	}
	report, err := os.OpenFile("/dev/ttyS1", os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	text, err := os.ReadFile("/steps.json")
	if err != nil {
		return err
	}
	var steps []kernels.Step
	if err := json.Unmarshal(text, &steps); err != nil {
		return err
	}
	if err := take(steps, json.NewEncoder(report)); err != nil {
		return err
	}
	if err := report.Close(); err != nil { // which waits until all is sent
		return err
	}
	return unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// mountAll makes of an initramfs what every minimal host has.
func mountAll() error {
	for _, m := range []struct{ path, fstype string }{{"/proc", "proc"}, {"/sys", "sysfs"}, {"/dev", "devtmpfs"}, {"/run", "tmpfs"}} {
		if err := unix.Mount(m.fstype, m.path, m.fstype, unix.MS_NOSUID, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.path, err)
		}
	}
	if err := errors.Join(os.Mkdir("/run/netns", 0o755), os.Setenv("PATH", "/bin")); err != nil {
		return err
	}
	// For a container with a root file system of its own.
	return os.Link("/bin/plumb", "/image/bin/plumb")
}

// take takes the steps, up to the first that cannot be.
func take(steps []kernels.Step, report *json.Encoder) error {
	own, err := netns.Current()
	if err != nil {
		return err
	}
	m := &machine{places: []place{{"", own}}}
	for _, step := range steps {
		start := time.Now()
		result := kernels.Result{Step: step}
		err := m.take(step, &result)
		if err != nil {
			result.Err = err.Error()
		}
		result.Millis = int(time.Since(start).Milliseconds())
		if encodeErr := report.Encode(result); encodeErr != nil || err != nil {
			return encodeErr
		}
	}
	return nil
}
