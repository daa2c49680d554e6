package container

import "golang.org/x/sys/unix"

// A Listed is a container with its processes.
type Listed struct {
	Container
	PID  int   // of its first process, as far as it can be seen; 0: none
	PIDs []int // of all in its network namespace, the first one first
}

// List lists the containers with their processes: all, or those of a named network.
func (h *Host) List(network string) ([]Listed, error) {
	all, err := h.Containers()
	if err != nil {
		return nil, err
	}
	processes, err := Processes()
	if err != nil {
		h.notice(err.Error()) // an initramfs without /proc
	}
	var list []Listed
	for i := range all {
		if network != "" && all[i].Network != network {
			continue
		}
		c := Listed{Container: all[i]}
		for _, p := range processes[c.NetNS] {
			c.PIDs = append(c.PIDs, p.PID)
		}
		if len(c.PIDs) > 0 {
			c.PID = c.PIDs[0]
		}
		list = append(list, c)
	}
	return list, nil
}

// Named finds one in a list by its name. The error is unix.ENOENT where there is none.
func Named(list []Listed, name string) (*Listed, error) {
	for i := range list {
		if list[i].Name == name {
			return &list[i], nil
		}
	}
	return nil, explained(unix.ENOENT, "nothing of that name is attached: plumb ls lists what is")
}
