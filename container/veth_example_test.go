package container_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container"
	clab "plumb/container/lab"
)

// A process in a network namespace of its own gets the network of the exercise, and pings the host, the internet and a name.
// (The internet is a sealed one, and the process is this program again, which calls exercise.)
func ExampleSetupVeth() {
	runContainer := func() error {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), helperEnv+"=exercise")
		cmd.Stdout = os.Stdout
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
		start, err := cmd.StdinPipe() // the process waits for its end
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		vethName := "veth0"
		if err := container.SetupVeth(vethName, cmd.Process.Pid); err != nil {
			return err
		}
		defer container.CleanupVeth(vethName)
		start.Close()
		return cmd.Wait()
	}
	fmt.Println("the container's end:", onSealedHost(runContainer))
	// Output:
	// ping 10.0.0.1: <nil>
	// ping 8.8.8.8: <nil>
	// ping google.com: <nil>
	// the container's end: <nil>
}

// exercise is what the container of the exercise does.
func exercise() int {
	var b [1]byte
	os.Stdin.Read(b[:]) // until the network is there
	if err := container.SetupContainerNetworking("veth1"); err != nil {
		fmt.Println(err)
		return 1
	}
	for _, host := range []string{"10.0.0.1", "8.8.8.8", "google.com"} {
		fmt.Printf("ping %s: %v\n", host, pingHere(host))
	}
	return 0
}

// pingHere is ping in the namespace that this process is in. As root it may open a raw socket, whatever the ping range.
func pingHere(host string) error {
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", clab.NameServer4+":53")
	}}
	ctx, cancel := context.WithTimeout(context.Background(), waitTime)
	defer cancel()
	to := host
	if _, err := netip.ParseAddr(host); err != nil {
		addrs, err := r.LookupNetIP(ctx, "ip4", host)
		if err != nil {
			return err
		}
		to = addrs[0].Unmap().String()
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	if err != nil {
		return err
	}
	return pingOn(fd, to, waitTime)
}

// onSealedHost runs f on a thread that is in a host with an internet. Nothing of plumb's may be left there.
func onSealedHost(f func() error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	l, err := clab.New(ctx, clab.Options{})
	if err != nil {
		return err
	}
	defer l.Close()
	host, err := l.AddHost(ctx, "host", clab.HostOptions{})
	if err != nil {
		return err
	}
	before, err := clab.SnapshotNamespace(host.NS())
	if err != nil {
		return err
	}
	if err := host.Do(f); err != nil {
		return err
	}
	after, err := clab.SnapshotNamespace(host.NS())
	if err != nil {
		return err
	}
	if diff := clab.Diff(before, after); len(diff) > 0 {
		return fmt.Errorf("the host is not as before: %s", strings.Join(diff, "; "))
	}
	return nil
}
