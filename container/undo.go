package container

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// An undo is what takes back what was done, last things first.
type undo []undoStep

type undoStep struct {
	what string
	do   func() error
}

func (u *undo) add(what string, do func() error) { *u = append(*u, undoStep{what, do}) }

// run takes everything back. Its error names what could not be.
func (u *undo) run(s *story) error {
	var errs []error
	for i := len(*u) - 1; i >= 0; i-- {
		s.next("undo: "+(*u)[i].what, "what was done before the failure is taken back, last things first")
		err := (*u)[i].do()
		s.part.End(err)
		if err != nil {
			errs = append(errs, fmt.Errorf("left behind: could not %s: %w", (*u)[i].what, err))
		}
	}
	*u = nil
	return errors.Join(errs...)
}

// ignore is err, or nil where it is what was to be reached anyway.
func ignore(reached unix.Errno, err error) error {
	if errors.Is(err, reached) {
		return nil
	}
	return err
}

// explained is an error that says all there is to say, of which errors.Is(err, errno) is true.
func explained(errno unix.Errno, format string, args ...any) error {
	return &explainedError{fmt.Sprintf(format, args...), errno}
}

type explainedError struct {
	text  string
	errno unix.Errno
}

func (e *explainedError) Error() string { return e.text }
func (e *explainedError) Unwrap() error { return e.errno }
