package netns

// FromPidfdByProc is how FromPidfd works on a kernel that has no PIDFD_GET_NET_NAMESPACE.
var FromPidfdByProc = fromPidfdByProc
