package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"plumb/container"
	"plumb/container/netns"
)

func attachCommand() command {
	c := command{
		name: "attach", args: "NAME --pid PID | --netns PATH [options]",
		summary: "give an existing network namespace its network",
	}
	c.run = func(args []string) error { return attachWith(c, args, nil) }
	return c
}

// attachWith is plumb attach, or a plan of it.
func attachWith(c command, args []string, plan *planner) error {
	n := networkFlags{tracing: tracing{plan: plan}}
	f := newFlags(c)
	asJSON := f.Bool("json", false, "print JSON")
	f.StringVar(&n.network.Hostname, "hostname", "", "host `NAME` by which other containers find it, beside its name")
	pid := f.Int("pid", 0, "`PID` of a process in the namespace")
	path := f.String("netns", "", "`PATH` of the namespace, such as /run/netns/web")
	watch := f.Bool("watch", false, "stay, until it is interrupted or the process of --pid ends, and then detach: put back what somebody flushes, follow the uplink's MTU, answer names on 127.0.0.11, relay published ports from ::1")
	n.register(f)
	words, err := f.parseAnywhere(args)
	switch {
	case err != nil:
		return err
	case len(words) != 1:
		return usagef("give one NAME, by which the network is detached again")
	case (*pid == 0) == (*path == ""):
		return usagef("say which namespace is meant, by --pid or by --netns")
	case *pid < 0:
		return usagef("--pid %d: a process id is a positive number", *pid)
	}
	n.network.Name = words[0]
	show := printAttachment
	if *asJSON {
		show = func(a *container.Attachment) { fmt.Println(attachmentJSON(a)) }
	}
	if err := n.attach(*pid, *path, *watch, show); err != nil {
		return &onError{n.network.Name, err}
	}
	return nil
}

// printAttachment prints a line for each family, and one for each published port.
func printAttachment(a *container.Attachment) {
	lines := ""
	for _, family := range []struct {
		addr    netip.Prefix
		gateway netip.Addr
	}{{a.Addr, a.Gateway}, {a.Addr6, a.Gateway6}} {
		if family.addr.IsValid() {
			lines += a.Name + " " + a.Interface + " " + family.addr.String() + " via " + family.gateway.String() + " (" + a.HostLink + ")\n"
		}
	}
	for i := range a.Publish {
		lines += a.Name + " publishes " + a.Publish[i].String() + "\n"
	}
	os.Stdout.WriteString(lines)
}

// attachmentJSON is an attachment as an object.
func attachmentJSON(a *container.Attachment) jsonText {
	return jsonObject(
		"name", jsonString(a.Name), "link", jsonString(a.HostLink), "index", jsonNumber(a.HostIndex), "interface", jsonString(a.Interface),
		"network", jsonString(a.Network), "address", jsonPrefix(a.Addr), "gateway", jsonAddr(a.Gateway),
		"address6", jsonPrefix(a.Addr6), "gateway6", jsonAddr(a.Gateway6), "mtu", jsonNumber(a.MTU), "mac", jsonString(a.MAC.String()),
		"ports", jsonPorts(a.Publish),
	)
}

// warn says in one line what of other firewalls' drops the container's packets.
func warn(host *container.Host, a *container.Attachment) {
	warning, err := host.FirewallWarning(a)
	if err != nil {
		notice("other firewalls could not be looked at: " + err.Error())
	}
	if warning != "" {
		notice(warning)
	}
}

// attach gives the namespace of a process, or at a path, its network, and shows it. With watch it stays with it until it is interrupted.
func (n *networkFlags) attach(pid int, path string, watch bool, show func(*container.Attachment)) (err error) {
	defer n.closeTrace(&err)
	target, err := openTarget(pid, path)
	if err != nil {
		return err
	}
	defer target.Close()
	host, err := n.openHost()
	if err != nil {
		return err
	}
	defer host.Close()
	var ended <-chan struct{}
	if watch && pid != 0 { // what watches is in the namespace, too, and keeps it from ending
		var stop func()
		if ended, stop, err = container.Ended(pid); err != nil {
			return err
		}
		defer stop()
	}
	ctx := newInterruptible()
	if watch {
		ctx() // a signal that came while they are ignored would be lost for good
	}
	a, err := host.Attach(ctx, n.network, target)
	if err != nil {
		return err
	}
	warn(host, a)
	if n.plan != nil {
		return nil
	}
	if !watch {
		show(a)
		return nil
	}
	services, err := host.Serve(ctx, a, target, container.ServiceOptions{Network: n.network})
	if err == nil {
		show(a)
		select {
		case <-ctx.Done():
		case <-ended:
		case <-services.Gone():
		}
		err = services.Close()
	}
	_, detachErr := host.Detach(a.Name)
	return errors.Join(err, detachErr)
}

func openTarget(pid int, path string) (*netns.NS, error) {
	if path != "" {
		ns, err := netns.FromPath(path)
		if os.IsNotExist(err) {
			return nil, fmt.Errorf("%w: give the path of a namespace, such as /proc/PID/ns/net", err)
		}
		return ns, err
	}
	ns, err := netns.FromPID(pid)
	if os.IsPermission(err) {
		return nil, fmt.Errorf("%w: run plumb as root, or as a normal user in the user namespace of process %d", err, pid)
	}
	return ns, err
}
