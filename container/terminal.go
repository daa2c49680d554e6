package container

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// A terminal is this process's controlling terminal while a container's process group is in its foreground.
type terminal struct {
	fd   int // stdin's, not closed here
	ours int // process group that had the foreground
}

func isTerminal(file *os.File) bool {
	if file == nil {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}

// openTerminal returns stdin's terminal if this process has its foreground, and nil otherwise: a background job must not take it.
func openTerminal(stdin *os.File) *terminal {
	if !isTerminal(stdin) {
		return nil
	}
	fd := int(stdin.Fd())
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	if err != nil || group != unix.Getpgrp() {
		return nil
	}
	return &terminal{fd: fd, ours: group}
}

// giveTo puts the process group pid into the foreground, so that what is typed (^C, ^\, ^Z) is signalled to it alone, once.
func (t *terminal) giveTo(pid int) error {
	if err := unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, pid); err != nil {
		return fmt.Errorf("give the terminal to the container (TIOCSPGRP): %w", err)
	}
	return nil
}

// takeBack puts our process group back into the foreground. We are in the background, where that is answered by SIGTTOU, which would stop
// us, unless the calling thread blocks it (tcsetpgrp(3)). The calling goroutine is locked to its thread.
func (t *terminal) takeBack() error {
	var block, old unix.Sigset_t
	setBit(&block, int(unix.SIGTTOU))
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &block, &old); err != nil {
		return fmt.Errorf("block SIGTTOU: %w", err)
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	if err := unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, t.ours); err != nil {
		return fmt.Errorf("take the terminal back from the container (TIOCSPGRP): %w", err)
	}
	return nil
}

// setBit adds a signal to a set, whose words are as wide as the architecture's long.
func setBit(set *unix.Sigset_t, sig int) {
	const bits = 32 << (^uint(0) >> 63)
	set.Val[(sig-1)/bits] |= 1 << ((sig - 1) % bits)
}
