package rtnl

import (
	"fmt"

	"plumb/rtnl/wire"
)

// showBytes shows what has no shape.
func showBytes(a wire.Attr) string { return fmt.Sprintf("%#x", a.Data) }
