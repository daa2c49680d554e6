package sockdiag

import (
	"os"
	"strconv"
	"strings"
)

// Holder is a process that has the socket of an inode open: its name, as in /proc/PID/comm, and its pid. It is "" and 0 where none can be
// seen: the processes of others are seen by root alone, and the kernel's own sockets, NFS's for one, are nobody's. Of
// several it is the one with the lowest pid, which most often is the one that opened it.
//
// It looks at the open files of every process that it may look at: it is for an error's text.
func Holder(inode uint32) (name string, pid int) {
	want := "socket:[" + strconv.FormatUint(uint64(inode), 10) + "]"
	for _, dir := range names("/proc") {
		n, err := strconv.Atoi(dir)
		if err != nil || pid != 0 && n > pid {
			continue
		}
		fds := "/proc/" + dir + "/fd"
		for _, fd := range names(fds) {
			if target, err := os.Readlink(fds + "/" + fd); err == nil && target == want {
				pid = n
				break
			}
		}
	}
	if pid == 0 {
		return "", 0
	}
	comm, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	if err != nil {
		return "", 0 // it has ended meanwhile
	}
	return strings.TrimSuffix(string(comm), "\n"), pid
}

// names are what is in a directory; none where it cannot be read.
func names(dir string) []string {
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer f.Close()
	all, _ := f.Readdirnames(-1) // what could be read
	return all
}
