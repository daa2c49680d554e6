package netns

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"

	"golang.org/x/sys/unix"
)

// Do runs fn inside the namespace, on a goroutine of its own that is locked to its thread, and returns fn's error once the thread is back
// where it was. When the thread cannot be put back it is given up, and the error of that is joined with fn's.
// fn opens sockets and files; goroutines that it starts are not in the namespace. A panic in fn goes on in Do's caller, as
// does runtime.Goexit (t.FailNow). The error is unix.EPERM without CAP_SYS_ADMIN over the namespace.
//
// Called from a goroutine that is not locked to its thread it costs about 10 µs; from a locked one a switch of threads each way more.
func (ns *NS) Do(fn func() error) error {
	return onThread(func() error {
		if err := ns.enter(); err != nil {
			return err
		}
		return fn()
	})
}

// DoHere is Do on the calling goroutine's own thread, be it the main one. It is for a program that is about to end, for which a thread would have to be
// started: that costs more than most of what fn does. Where the thread cannot be put back the goroutine stays locked to it, and after such an error
// does nothing more than end the program.
func (ns *NS) DoHere(fn func() error) (err error) {
	runtime.LockOSThread()
	home, err := openCurrent()
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() {
		if back := goHome(home); back != nil {
			err = errors.Join(err, back)
		} else {
			runtime.UnlockOSThread()
		}
	}()
	if err := ns.enter(); err != nil {
		return err
	}
	return fn()
}

// Open runs open inside the namespace and returns what it opened, or closes that where the thread could not be put back.
func Open[C io.Closer](ns *NS, open func() (C, error)) (c C, err error) {
	opened := false
	err = ns.Do(func() (err error) {
		c, err = open()
		opened = err == nil
		return err
	})
	if err != nil && opened {
		err = errors.Join(err, c.Close())
	}
	return c, err
}

func (ns *NS) enter() error {
	err := unix.Setns(ns.FD(), unix.CLONE_NEWNET)
	if err == nil {
		return nil
	}
	if errors.Is(err, unix.EPERM) {
		err = fmt.Errorf("%w: it needs CAP_SYS_ADMIN here and in the user namespace that owns it", err)
	}
	return fmt.Errorf("enter network namespace %s (setns): %w", ns, err)
}

// A result is how a function that ran on another goroutine ended.
type result struct {
	err      error
	panicked any  // what fn panicked with, and its stack
	exited   bool // fn called runtime.Goexit
}

// onThread runs fn, which changes its thread's network namespace, on a goroutine and thread of its own, and puts the thread back.
func onThread(fn func() error) error {
	done := make(chan result, 1)
	go borrowThread(fn, done)
	r := <-done
	if r.panicked != nil {
		panic(r.panicked)
	}
	if r.exited {
		runtime.Goexit()
	}
	return r.err
}

// borrowThread locks its goroutine to a thread other than the main one, runs fn on it, and unlocks only if the thread is as before.
func borrowThread(fn func() error, done chan<- result) {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		// The main thread. While it is locked here, a new goroutine has to run on another.
		again := make(chan result, 1)
		go borrowThread(fn, again)
		done <- <-again
		runtime.UnlockOSThread()
		return
	}
	home, err := openCurrent()
	if err != nil {
		runtime.UnlockOSThread() // nothing has changed yet
		done <- result{err: err}
		return
	}
	r := result{exited: true}
	defer func() {
		// In a deferred function, since fn may end the goroutine (Goexit) instead of returning.
		if err := goHome(home); err != nil {
			r.err = errors.Join(r.err, err)
		} else {
			runtime.UnlockOSThread()
		}
		done <- r
	}()
	r = call(fn, r)
}

// call runs fn and returns how it ended. It does not return when fn calls Goexit.
func call(fn func() error, r result) (out result) {
	out = r
	defer func() {
		if p := recover(); p != nil {
			out = result{panicked: fmt.Sprintf("%v\n\nin netns.Do:\n%s", p, debug.Stack())}
		}
	}()
	return result{err: fn()}
}

// goHome puts the calling thread back into the namespace home and closes home.
func goHome(home int) error {
	err := unix.Setns(home, unix.CLONE_NEWNET)
	if err != nil && isHere(home) { // it never left: without CAP_SYS_ADMIN there is no way out, and none back
		err = nil
	}
	unix.Close(home)
	if err != nil {
		return fmt.Errorf("return to the thread's own network namespace (setns): %w; the thread is given up", err)
	}
	return nil
}

// isHere reports whether the calling thread is in the namespace home.
func isHere(home int) bool {
	here, err := openCurrent()
	if err != nil {
		return false
	}
	defer unix.Close(here)
	var a, b unix.Stat_t
	return unix.Fstat(here, &a) == nil && unix.Fstat(home, &b) == nil && a.Dev == b.Dev && a.Ino == b.Ino
}

// openCurrent opens the calling thread's namespace. The file is asked for every time: remembering it would be wrong for
// a thread that something else (another library, C code) has moved since. /proc/thread-self is there since Linux 3.17; a
// /proc of another pid namespace has neither.
func openCurrent() (int, error) {
	fd, err := retry(func() (int, error) {
		return unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	})
	if err == nil {
		return fd, nil
	}
	path := "/proc/self/task/" + strconv.Itoa(unix.Gettid()) + "/ns/net"
	fd, err = retry(func() (int, error) { return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return -1, fmt.Errorf("open the thread's own network namespace: %w", &os.PathError{Op: "open", Path: path, Err: err})
	}
	return fd, nil
}

// Enter moves the calling thread into the namespace for good. It is for a goroutine that is locked to its thread and never
// unlocks: one that is about to exec, or whose thread shall end with it. Everything else uses Do.
func (ns *NS) Enter() error { return ns.enter() }

// OnLostThread runs fn on a thread that is never unlocked: Go ends it when fn returns, and whatever namespaces fn has moved it to end with it.
// The main thread it could not end, and so that is another one. The calling goroutine does nothing else, and ends after it.
func OnLostThread(fn func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		fn()
		return
	}
	done := make(chan struct{})
	go func() { // on another thread, while this one is locked
		defer close(done)
		runtime.LockOSThread()
		fn()
	}()
	<-done
	runtime.UnlockOSThread()
}
