package nat

import "plumb/rtnl/wire"

// What the tests of package nat_test see of the inside. They are outside since plumb/test/lab, which seals them off, stands
// on package container and that on this one.

func AttachRequests(as ...*Attachment) []wire.Request {
	requests, _, _ := attachRequests(as)
	return requests
}

func CreateRequests() []wire.Request { return createRequests() }

func RemoveRequests() []wire.Request { return removeRequests() }

func (c *Conn) ReleaseRequests(l *Lease) ([]wire.Request, error) { return c.releaseRequests(l) }
