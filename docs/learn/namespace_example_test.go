package learn_test

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"plumb/rtnl"
	"plumb/rtnl/wire"
)

// A socket belongs to the namespace of the thread that opened it, and stays there.
func Example_namespace() {
	done := make(chan *rtnl.Conn)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		must(unix.Unshare(unix.CLONE_NEWNET))
		conn, err := rtnl.Dial(wire.Config{}) // in the new namespace
		must(err)
		done <- conn
	}()
	inside := <-done
	defer inside.Close()

	// This goroutine is on another thread, in the namespace that it was in. The socket is not.
	must(inside.Do(rtnl.NewLink(&rtnl.Link{Name: "br0", Info: &rtnl.LinkInfo{Kind: "bridge"}}, "create br0")))
	outside, err := rtnl.Dial(wire.Config{})
	must(err)
	defer outside.Close()
	_, err = outside.LinkByName("br0")
	fmt.Println("here: ", err)
	_, err = inside.LinkByName("br0")
	fmt.Println("there:", err)
	// Output:
	// here:  get link br0: no such device (ENODEV)
	// there: <nil>
}

// Without LockOSThread the scheduler may go on with a goroutine on another thread, in another namespace.
func Example_thread() {
	home, err := os.Readlink("/proc/thread-self/ns/net")
	must(err)
	done := make(chan bool)
	go func() {
		runtime.LockOSThread()
		must(unix.Unshare(unix.CLONE_NEWNET))
		here, err := os.Readlink("/proc/thread-self/ns/net")
		must(err)
		fmt.Println("this thread has left:", here != home)

		started := make(chan string)
		go func() { // the new goroutine is on another thread: this one is locked
			there, err := os.Readlink("/proc/thread-self/ns/net")
			must(err)
			started <- there
		}()
		fmt.Println("what it starts is inside:", <-started == here)
		close(done)
	}()
	<-done
	// Output:
	// this thread has left: true
	// what it starts is inside: false
}
