// Package lookup asks name servers, as resolv.conf(5) and hosts(5) say, for hosts and containers without a
// C library and its tools.
package lookup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// A Resolver looks names up. It may be used by several goroutines at once.
type Resolver struct {
	Config

	// Hosts is the path of a hosts(5) file that is read before a server is asked. With "" servers alone
	// are asked, for localhost too.
	Hosts string

	// Dial opens the sockets, in a namespace of the caller's choice for instance; nil for the function Dial.
	// network is "udp" or "tcp", address an IP and a port.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// System is the resolver that this process's root file system describes. It fails when
// /etc/resolv.conf exists but cannot be read.
func System() (*Resolver, error) {
	c, err := LoadConfig(resolvConf)
	if err != nil {
		return nil, err
	}
	return &Resolver{Config: c, Hosts: hostsFile}, nil
}

// An Answer is what there is of one type at a name.
type Answer struct {
	Server  string // address and port, or the path of the hosts file
	Records []Record
}

// Lookup finds the records of all the types at name, one Answer a type. With search it tries the search
// domains too, as resolv.conf(5) describes for ndots.
//
// It returns an *Error when no type has a record; when some have, their answers, and with them an *Error
// if a server failed for the others. The error is then not one of ErrNoName and ErrNoRecords.
func (r *Resolver) Lookup(ctx context.Context, name string, types []dnsmessage.Type, search bool) ([]Answer, error) {
	if err := checkName(name); err != nil {
		return nil, &Error{name, err}
	}
	if found, err := r.fromHosts(name, types); err != nil || len(found) > 0 {
		return found, err
	}
	if len(r.Servers) == 0 {
		return nil, &Error{name, ErrNoServers}
	}
	var none error
	for _, full := range r.candidates(name, search) {
		found, err := r.queryAll(ctx, full, types)
		if len(found) > 0 {
			if negative(err) {
				err = nil
			}
			return found, wrapName(name, err)
		}
		if ctx.Err() != nil || !negative(err) && !errors.Is(err, ErrServFail) {
			return nil, wrapName(name, err)
		}
		// What the user should hear, in the end: of a failure, or that a name exists, if only one of them does.
		if none == nil || !negative(err) || errors.Is(none, ErrNoName) && errors.Is(err, ErrNoRecords) {
			none = err
		}
	}
	return nil, wrapName(name, none)
}

func wrapName(name string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{name, err}
}

// queryAll asks for all types at once. The error is the worst of those that found nothing: a failure
// rather than a negative answer.
func (r *Resolver) queryAll(ctx context.Context, name string, types []dnsmessage.Type) ([]Answer, error) {
	answers := make([]Answer, len(types))
	errs := make([]error, len(types))
	var wg sync.WaitGroup
	for i, t := range types[1:] {
		wg.Go(func() { answers[i+1], errs[i+1] = r.query(ctx, name, t) })
	}
	// The first on this goroutine: a caller that asks for one type may stay on its thread, and in its namespace.
	answers[0], errs[0] = r.query(ctx, name, types[0])
	wg.Wait()

	var found []Answer
	var worst error
	for i, err := range errs {
		switch {
		case err == nil:
			found = append(found, answers[i])
		case worst == nil || negative(worst) && !negative(err):
			worst = err
		}
	}
	return found, worst
}

// query goes through the servers, r.Attempts times, until one answers. name has its final dot.
func (r *Resolver) query(ctx context.Context, name string, t dnsmessage.Type) (Answer, error) {
	n, err := dnsmessage.NewName(name)
	if err != nil {
		return Answer{}, err
	}
	q := dnsmessage.Question{Name: n, Type: t, Class: dnsmessage.ClassINET}
	first := 0
	if r.Rotate {
		first = rand.IntN(len(r.Servers))
	}
	failed := make(failures, len(r.Servers)) // the last failure of each
	for try := range r.Attempts {
		for i := range r.Servers {
			server := r.Servers[(first+i)%len(r.Servers)]
			got, err := r.ask(ctx, server, q)
			if ctx.Err() != nil {
				return Answer{}, fmt.Errorf("%w, asked %s", context.Cause(ctx), server)
			}
			next := true
			if err == nil {
				next, err = got.verdict()
			}
			if errors.Is(err, ErrTimeout) {
				err = fmt.Errorf("%w (%v, %s)", err, r.Timeout, count(try+1, "try", "tries"))
			}
			if next && err != nil {
				failed[i] = &ServerError{server.String(), err}
				continue
			}
			answer := Answer{Server: server.String()}
			if err == nil {
				answer.Records, err = got.records(q)
			}
			if err != nil {
				return answer, &ServerError{server.String(), err}
			}
			return answer, nil
		}
	}
	return Answer{}, failed
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// fromHosts answers A and AAAA from the hosts file, and for localhost without any.
func (r *Resolver) fromHosts(name string, types []dnsmessage.Type) ([]Answer, error) {
	addrs, err := readHosts(r.Hosts, func(f io.Reader) ([]netip.Addr, error) { return hostAddrs(f, name) })
	if err != nil {
		return nil, &Error{name, err}
	}
	found := answerWith(r.Hosts, name, types, addrs)
	if len(found) == 0 && r.Hosts != "" {
		found = answerWith("localhost (RFC 6761)", name, types, localhost(name))
	}
	return found, nil
}

// answerWith makes answers of those types from addresses that no server gave.
func answerWith(source, name string, types []dnsmessage.Type, addrs []netip.Addr) (found []Answer) {
	for _, t := range types {
		a := Answer{Server: source}
		for _, addr := range addrs {
			if t == TypeA && addr.Is4() || t == TypeAAAA && addr.Is6() {
				a.Records = append(a.Records, Record{Name: dotted(name), Class: "IN", Type: TypeName(t), Data: addr.String(), Addr: addr})
			}
		}
		if len(a.Records) > 0 {
			found = append(found, a)
		}
	}
	return found
}

// dotted gives a name its final dot.
func dotted(name string) string {
	if name == "" || name[len(name)-1] != '.' {
		return name + "."
	}
	return name
}
