package container

import "plumb/nat"

// avoidListeners keeps published ports off those that a process of the host's listens on.
func (a *attacher) avoidListeners(*nat.Attachment) error { return nil }
