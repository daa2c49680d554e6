package lookup

import (
	"errors"
	"strings"
)

// What a server says, or does not say. Errors of this package wrap one of them, except for those of a
// socket or of a file.
var (
	ErrNoName    = errors.New("no such name (NXDOMAIN)")
	ErrNoRecords = errors.New("the name exists, but not with such a record")
	ErrServFail  = errors.New("the server failed (SERVFAIL)")
	ErrRefused   = errors.New("the server refuses to answer (REFUSED)")
	ErrTimeout   = errors.New("no answer in time")
	ErrMalformed = errors.New("the answer cannot be read")
	ErrNoServers = errors.New("no name server to ask: " + resolvConf + " names none")
)

// An Error says which name was looked up, and what each server that was asked made of it.
type Error struct {
	Name string // as it was asked for
	Err  error
}

func (e *Error) Error() string { return e.Name + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// A ServerError is what one server answered, or why it did not.
type ServerError struct {
	Server string // address and port
	Err    error
}

func (e *ServerError) Error() string { return e.Err.Error() + ", asked " + e.Server }
func (e *ServerError) Unwrap() error { return e.Err }

// failures are the errors of several servers, in one line.
type failures []error

func (f failures) Unwrap() []error { return f }

func (f failures) Error() string {
	var s []string
	for _, err := range f {
		s = append(s, err.Error())
	}
	return strings.Join(s, "; ")
}

// negative reports whether err is an answer, namely that there is nothing.
func negative(err error) bool {
	return errors.Is(err, ErrNoName) || errors.Is(err, ErrNoRecords)
}

// errFamily is an address of the other family than the one that was asked for.
var errFamily = errors.New("an address of the other family")

// unwrapName takes the name from an *Error, for a caller that knows a better one.
func unwrapName(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
