// Package verdict finds out what the firewalls of a network namespace would do to a packet that nobody has sent.
//
// An accept in plumb's table does not beat a drop in somebody else's: each base chain on a packet's way has a veto.
// So a firewall that knows nothing of containers (Docker's, firewalld's, ufw's, an administrator's) can cut them off,
// and nothing but its rules says so. This package reads those rules and walks them as nf_tables does
// (nft_do_chain, net/netfilter/nf_tables_core.c).
//
//	packet.go    what is asked about; header.go: its headers, bit by bit
//	ask.go       the packets of a container, and Explain, which asks about all of them
//	ruleset.go   the chains, and Quick; rules are read when a packet comes to them, set elements are asked for by key
//	walk.go      base chains, chains, rules; state.go: what changes on the way
//	expr.go      expressions; load.go: those that load a register; register.go: registers
//	xt.go        what iptables-nft borrows from x_tables
//	text.go      a rule as nft would nearly write it
//	mend.go      the commands that let the packets pass, in the language of who owns the rules
//
// What cannot be known is not guessed: of each bit in a register it is known whether it is known, an expression
// matches, does not, or may match, and a packet that may have left the chain before may be dropped.
//
// It does not see rules of the old iptables (Legacy says whether there are any), ipsets, programs in BPF, and chains of
// the families netdev and bridge.
package verdict
