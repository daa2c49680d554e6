// Package container gives a process its own network, and runs a process that has one. It asks the kernel for everything,
// by packages rtnl and nat, and keeps what it has to remember in the kernel: whose a link is stands in the link's alias,
// who has which address in nftables, in table inet plumb.
//
// # A network for a namespace that exists
//
// A [Host] is the network namespace that containers are attached to. [Host.Attach] gives another one its network:
//
//	host, err := container.OpenHost(container.HostOptions{})
//	...
//	defer host.Close()
//	a, err := host.Attach(ctx, container.Network{Name: "web"}, target) // a.Addr is 10.0.0.2/24, or the next that is free
//	...
//	_, err = host.Detach("web") // from any process
//
// target is a [netns.NS], made of a pid, a pidfd, a descriptor or a path. Any number of processes may attach to one host at
// once: the kernel decides who gets a name and an address. Whoever is killed in the middle leaves nothing that hinders
// others, and what it left is removed by those who meet it.
//
// # A container from beginning to end
//
// [Host.Run] starts a command in new namespaces, with a root file system, files in /etc and a network, and returns its exit
// status. Its parts are there for who wants to do something in between: [StartProcess], Attach, [Process.Release],
// [Process.Wait], [Host.Release].
//
// A program that starts containers calls [Init] first in its main function, and a test in its TestMain: the container's
// first process is the same program, run again.
//
//	func main() {
//		container.Init()
//		...
//
// # Three functions for a program with containers of its own
//
// [SetupVeth], [CleanupVeth] and [SetupContainerNetworking] make one network with one container in it, 10.0.0.2, for a
// process that the caller has started in a new network namespace:
//
//	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
//	...
//	if err := container.SetupVeth("veth0", cmd.Process.Pid); err != nil {
//		return err
//	}
//	defer container.CleanupVeth("veth0")
//
// The process then calls SetupContainerNetworking(PeerName("veth0")). Unlike Attach they switch forwarding on for the whole
// host (net.ipv4.ip_forward), until CleanupVeth.
//
// # Errors
//
// An error says what was attempted and on what, and wraps the kernel's: errors.Is(err, unix.EEXIST) where a name or an address
// is taken, unix.EPERM where a capability is missing. [wire.Error] has what the kernel said besides. [FlagError],
// [OverlapError], [FullError] and nat.LeasedError are about the network that was asked for, [StartError] about the command.
// Whatever fails, what was done is undone; what could not be undone is in the error.
//
// # Where to read
//
// attach.go has the order of an attachment, and why it is that; pair.go, lease.go, uplink.go and inside.go have its steps,
// detach.go its end, identity.go how links are called, veth.go the three functions. process.go and clone.go are the parent's
// side of a container's process, init.go the child's, with rootfs.go and the files beside it; run.go joins both. exec.go is
// the caller's side of a command in a container that exists, exectarget.go what that takes over, exechelper.go the helper's
// side, script.go the fork; procs.go finds a container's processes.
package container
