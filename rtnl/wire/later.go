package wire

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// CloseLater closes sockets for a process that is about to end, and leaves what the kernel waits for then to the kernel: a netfilter socket is
// closed only when all has been freed that batches of the namespace have removed, and a table that it owns (nft_rcv_nl_event,
// net/netfilter/nf_tables_api.c), which takes a grace period of RCU each, some 10 ms. The end of a process closes its sockets too, and whoever waits
// for that waits as long.
//
// So the sockets are registered with an io_uring that nothing is ever submitted to. When the process ends, by whatever it ends, a worker of the
// kernel's lets go of the ring and of what is registered (io_ring_exit_work, io_uring/io_uring.c), for whom nobody waits. Until the process ends the
// sockets stay open. Where io_uring may not be used (kernel.io_uring_disabled, a seccomp filter, Linux before 5.1) they are closed at once.
func CloseLater(conns ...*Conn) error {
	var fds []int32
	for _, c := range conns {
		if s, ok := c.transport.(Descriptor); ok {
			if fd := s.Descriptor(); fd >= 0 {
				fds = append(fds, int32(fd))
			}
		}
	}
	if len(fds) > 0 {
		_ = register(fds) // or else they are closed, and waited for
	}
	var errs []error
	for _, c := range conns {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// A Descriptor is a Transport that has one, or -1.
type Descriptor interface{ Descriptor() int }

func (s *socket) Descriptor() int {
	fd := -1
	_ = s.raw.Control(func(n uintptr) { fd = int(n) })
	return fd
}

func (s *brief) Descriptor() int { return s.fd }

const registerFiles = 2 // IORING_REGISTER_FILES, linux/io_uring.h

// register registers descriptors with a new ring, which stays open until the process ends.
func register(fds []int32) error {
	var params [120]byte // struct io_uring_params
	ring, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		return os.NewSyscallError("io_uring_setup", errno)
	}
	_, _, errno = unix.Syscall6(unix.SYS_IO_URING_REGISTER, ring, registerFiles, uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)), 0, 0)
	if errno != 0 {
		unix.Close(int(ring))
		return os.NewSyscallError("io_uring_register", errno)
	}
	return nil
}
