// Package netns holds network namespaces and runs functions inside them. It is the only place in plumb that calls setns.
//
// # Namespaces belong to threads
//
// A network namespace is a whole network stack: links, addresses, routes, neighbours, nftables, sockets, and the
// sysctls under /proc/sys/net. The kernel keeps one for every *thread*, not for every process: setns(2) and unshare(2)
// with CLONE_NEWNET change the calling thread alone. Its siblings stay where they are.
//
// Go schedules goroutines over threads as it likes. A goroutine that calls setns may find itself, one function call later,
// on another thread in another namespace; and the thread that it left behind, still in the foreign namespace,
// runs someone else's goroutine, whose sockets now open in the wrong place. So three rules hold:
//
//  1. A goroutine that changes its namespace is locked to its thread (runtime.LockOSThread).
//  2. It unlocks only after it has put the thread back. If it cannot, it ends while still locked: Go then
//     ends the thread with it, and nobody inherits the foreign namespace.
//  3. It starts no goroutine that needs the namespace. A new goroutine runs on another thread, in that thread's
//     namespace, however the goroutine that started it is locked.
//
// [NS.Do] keeps the first two; the third is its caller's. What an fd refers to does not move with threads: a socket
// stays in the namespace that it was opened in, so open it inside Do and use it anywhere afterwards. That is
// the pattern to prefer: Do for the opening, everything else outside.
//
// # The main thread
//
// Go ends a thread whose goroutine ends locked, with one exception: the main thread, which it can only park for good
// (the process would be left without its leader). /proc/self is the main thread: a main thread parked in
// a foreign namespace makes /proc/self/ns/net wrong for the rest of the process's life. So Do and [OnLostThread] never borrow the main
// thread, and [Current] asks /proc/thread-self, which is the calling thread. [NS.DoHere] is for a process whose life is about to end.
//
// # Names
//
// A namespace lives as long as a process is in it, a file descriptor refers to it or it is mounted somewhere. Here it is held by
// a file descriptor: nothing is left on a disk, nothing has to be removed after a crash, and the descriptor
// cannot come to mean another namespace as a path or a pid can. Each descriptor is checked to be a network namespace
// (NS_GET_NSTYPE, see ioctl_nsfs(2)) before it becomes an [NS]: setns would also take a mount namespace and say EINVAL only later, and
// a path that a user gave may be anything.
//
// See namespaces(7), network_namespaces(7), setns(2), ioctl_nsfs(2), and [runtime.LockOSThread].
package netns
