package container

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Ended returns a channel that is closed when a process has ended, be it a child or not, and what ends the waiting (pidfd_open(2), Linux
// 5.10). The error is unix.ESRCH where there is no such process.
func Ended(pid int) (done <-chan struct{}, stop func(), err error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return nil, nil, fmt.Errorf("wait for process %d: %w", pid, err)
	}
	file := os.NewFile(uintptr(fd), fmt.Sprintf("pidfd of %d", pid))
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, nil, fmt.Errorf("wait for process %d: %w", pid, err)
	}
	ended, waited := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(waited)
		err := raw.Read(func(fd uintptr) bool { // a pidfd is readable once its process has ended
			poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(poll, 0)
			return n > 0 && err == nil
		})
		if err == nil {
			close(ended)
		}
	}()
	return ended, func() {
		file.Close()
		<-waited
	}, nil
}
