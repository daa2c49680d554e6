package container

import (
	"strconv"
	"strings"

	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/shell"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// Commands writes, beside what a trace shows, the commands that do the same: of ip, tc, nft, conntrack and sysctl. See rtnl.Commands and
// nat.Commands for what has none. It learns from what it sees, so that each trace needs one of its own.
//
// A command is to be run on the host. One for a container is for the namespace that ip-netns(8) knows by the container's name, which
// "ip netns attach NAME PID" has it know.
type Commands struct {
	rtnl       rtnl.Commands
	nat        nat.Commands
	namespaces map[uint32]string // that descriptors are of
}

// NewCommands returns one that has seen nothing.
func NewCommands() *Commands {
	c := &Commands{namespaces: map[uint32]string{}}
	c.rtnl.Namespace = func(fd uint32) string { return c.namespaces[fd] }
	return c
}

// Command is the command for an event, or several, in a line each; "" where there is none. It implements trace.Commander.
func (c *Commands) Command(e wire.Event) string {
	var commands []string
	switch {
	case e.Kind == wire.KindStep:
		commands = c.step(e.Purpose)
	case e.Protocol == nil:
	case e.Protocol.Family == unix.NETLINK_ROUTE:
		commands = c.rtnl.List(e)
	case e.Protocol.Family == unix.NETLINK_NETFILTER:
		if command := c.nat.Command(e); command != "" {
			commands = []string{command}
		}
	}
	namespace := e.Namespace
	if namespace == hostName {
		namespace = ""
	}
	return shell.In(namespace, commands...)
}

// step is the command of what is done without a message: of sysctls. Others tell which descriptor is of which namespace.
func (c *Commands) step(what string) []string {
	if rest, is := strings.CutPrefix(what, holdStep); is {
		what = "setns " + rest
	}
	call, rest, _ := strings.Cut(what, " ")
	switch call {
	case "setns":
		name, rest, _ := strings.Cut(rest, byDescriptor)
		number, _, _ := strings.Cut(rest, ":")
		if fd, err := strconv.ParseUint(number, 10, 32); err == nil {
			c.namespaces[uint32(fd)] = name
		}
	case "sysctl":
		name, _, reads := strings.Cut(rest, " is ")
		if reads {
			return []string{shell.Words("sysctl", name)}
		}
		if strings.Contains(rest, "=") {
			return []string{shell.Words("sysctl", "-w", rest)}
		}
	}
	return nil
}
