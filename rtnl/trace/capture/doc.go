// Package capture reads netlink messages that somebody has captured, in whatever form: it gives the bytes of each
// datagram, when and which way it went, and knows no message.
package capture
