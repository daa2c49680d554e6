package container

import "golang.org/x/sys/unix"

// EnterByMove makes the host's root, through a layer, the calling process's as it is done in an initramfs, where pivot_root is
// refused. It wants a mount namespace that may be thrown away.
func EnterByMove() error {
	r, err := buildRoot("")
	if err != nil {
		return err
	}
	if err := unix.Fchdir(r.root); err != nil {
		return err
	}
	return r.chroot()
}

// IdentityWords reads the words of an identity, and writes it anew. ok is false where it is none.
func IdentityWords(words []string) (written []string, ok bool) {
	id, ok := parseIdentity(words)
	if !ok {
		return nil, false
	}
	return id.words(), true
}
