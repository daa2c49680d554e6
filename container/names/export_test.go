package names

import "golang.org/x/net/dns/dnsmessage"

// What the fuzz targets see of the inside.

// Respond is what becomes of a client's message, where there is no upstream.
func Respond(z *Zone, msg []byte, tcp bool) []byte {
	q, code, err := readQuery(msg, tcp)
	if err != nil {
		return nil
	}
	s := &service{Server: &Server{Zone: func() *Zone { return z }}}
	answer, _ := s.local(q, code)
	return answer
}

// Forwarded is what upstream gets of a client's message, nil where it gets nothing.
func Forwarded(msg []byte, id uint16, tcp bool) []byte {
	q, code, err := readQuery(msg, tcp)
	if err != nil || code != dnsmessage.RCodeSuccess {
		return nil
	}
	packed, err := q.pack(id)
	if err != nil {
		panic(err) // what was unpacked can be packed
	}
	return packed
}

// Restored is what the client of a query gets of upstream's message, nil where that does not answer it.
func Restored(query, msg []byte, id uint16, tcp bool) []byte {
	q, code, err := readQuery(query, tcp)
	if err != nil || code != dnsmessage.RCodeSuccess {
		return nil
	}
	if _, err := checkReply(msg, id, q); err != nil {
		return nil
	}
	return q.restore(msg)
}

const (
	MaxConns       = maxConns
	MaxOutstanding = maxOutstanding
	MaxStrays      = maxStrays
)
