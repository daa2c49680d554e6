package wire

// Split takes a datagram apart into its messages, for Exchange. Bytes that are no whole message, because of the length that they
// say they have, are one that goes to the end.
func (p *Protocol) Split(datagram []byte) []Parsed {
	var all []Parsed
	for b := datagram; len(b) > 0; {
		_, _, rest, err := parseHeader(b)
		if err != nil {
			rest = nil
		}
		all = append(all, Parsed{Protocol: p, Message: b[:len(b)-len(rest)]})
		b = rest
	}
	return all
}
