// Package sockdiag asks the kernel which sockets there are in a network namespace: who listens, on which address and port, and who
// holds the socket. It is what ss(8) does, over NETLINK_SOCK_DIAG (sock_diag(7)).
//
//	conn.go      the socket, and the protocol that all of it is
//	inet.go      the one message that is asked, and the one that answers
//	listen.go    who listens
//	proc.go      the same from /proc/net, for a kernel that cannot be asked
//	conflict.go  which of them would take what is sent to a published port
//	holder.go    whose socket it is
package sockdiag
