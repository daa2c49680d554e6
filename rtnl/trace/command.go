package trace

import "plumb/rtnl/wire"

// A Commander knows what a person would type to have the same done.
type Commander interface {
	// Command returns the command that does what e does, such as "ip link set dev eth0 up", with a line for each where
	// that takes several; "" where there is none. It sees every event of a trace, in order, and may learn from them:
	// an index means a link whose name was in an earlier message. A tracer does not call it concurrently.
	Command(e wire.Event) string
}
