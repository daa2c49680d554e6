package netns

// FromPidfdByProc is how FromPidfd works on a kernel that has no PIDFD_GET_NET_NAMESPACE.
var FromPidfdByProc = fromPidfdByProc

// EnterAndReturn does on the calling thread what Do does on another.
func EnterAndReturn(ns *NS) error {
	home, err := openCurrent()
	if err != nil {
		return err
	}
	if err := ns.enter(); err != nil {
		return err
	}
	return goHome(home)
}
