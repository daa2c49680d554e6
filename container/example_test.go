package container_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"golang.org/x/sys/unix"

	"plumb/container"
	"plumb/container/netns"
)

// emptyNS makes a network namespace in the place of one that a container's process has brought along.
func emptyNS() *netns.NS {
	ns, err := netns.New()
	if err != nil {
		log.Fatal(err)
	}
	return ns
}

// Two containers in one subnet. Both host and containers are fresh namespaces here, so that the example touches nothing.
func ExampleHost_Attach() {
	machine, web, db := emptyNS(), emptyNS(), emptyNS()
	defer machine.Close()
	defer web.Close()
	defer db.Close()

	host, err := container.OpenHost(container.HostOptions{NS: machine})
	if err != nil {
		log.Fatal(err)
	}
	defer host.Close()
	for _, c := range []struct {
		name   string
		target *netns.NS
	}{{"web", web}, {"db", db}} {
		a, err := host.Attach(context.Background(), container.Network{Name: c.name}, c.target)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(a.Name, a.Interface, a.Addr, "via", a.Gateway, "by", a.HostLink)
	}
	for _, name := range []string{"web", "db", "db"} {
		found, err := host.Detach(name)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("detached", name, found)
	}
	// Output:
	// web eth0 10.0.0.2/24 via 10.0.0.1 by pl-web
	// db eth0 10.0.0.3/24 via 10.0.0.1 by pl-db
	// detached web true
	// detached db true
	// detached db false
}

// A container that has its network before its command starts.
func ExampleStartProcess() {
	machine := emptyNS()
	defer machine.Close()
	host, err := container.OpenHost(container.HostOptions{NS: machine})
	if err != nil {
		log.Fatal(err)
	}
	defer host.Close()

	p, err := container.StartProcess(context.Background(), container.ProcessSpec{
		Args: []string{"/bin/sh", "-c", "ls /sys/class/net"}, Stdout: os.Stdout,
	})
	if err != nil {
		log.Fatal(err)
	}
	a, err := host.Attach(context.Background(), container.Network{Name: "web"}, p.NetNS())
	if err == nil {
		err = p.Release(container.Files{})
	}
	if err != nil {
		p.Kill()
	}
	status, waitErr := p.Wait()
	fmt.Println("status", status, err, waitErr)
	if a != nil {
		if err := host.Release(a); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// eth0
	// lo
	// status 0 <nil> <nil>
}

// What is taken can be told from what is wrong.
func ExampleNetwork() {
	machine, web := emptyNS(), emptyNS()
	defer machine.Close()
	defer web.Close()
	host, err := container.OpenHost(container.HostOptions{NS: machine})
	if err != nil {
		log.Fatal(err)
	}
	defer host.Close()
	_, err = host.Attach(context.Background(), container.Network{Name: "no spaces please"}, web)
	fmt.Println(err)
	_, err = host.Attach(context.Background(), container.Network{Name: "web", Uplinks: []string{"wan9"}}, web)
	fmt.Println(errors.Is(err, unix.ENODEV), err)
	// Output:
	// name "no spaces please": ' ' cannot stand there: letters, digits, and after the first also _ . - can
	// true uplink wan9: the host has no such link: name another one with --uplink
}

func ExamplePeerName() {
	fmt.Println(container.PeerName("veth0"), container.PeerName("veth9"), container.PeerName("uplink"))
	// Output: veth1 veth10 uplink1
}
