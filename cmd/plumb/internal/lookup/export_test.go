package lookup

import "golang.org/x/net/dns/dnsmessage"

// For the tests, which are in another package because the lab is above this one.
var (
	HostAddrs  = hostAddrs
	HostNames  = hostNames
	CheckName  = checkName
	Order      = order
	ParseReply = parseReply
)

// ReplyRecords is what parseReply and records make of a message together.
func (r reply) Records(q dnsmessage.Question) ([]Record, error) { return r.records(q) }

// Candidates exports candidates.
func (r *Resolver) Candidates(name string, search bool) []string { return r.candidates(name, search) }
