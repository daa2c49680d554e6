package kernels

import (
	"fmt"
	"io"
	"io/fs"
)

// A newcWriter writes an archive that the kernel unpacks as its initramfs: cpio's "newc" format, Documentation/driver-api/early-userspace/
// buffer-format.rst in the kernel's sources. All belongs to root. The first error stays, and Close returns it.
type newcWriter struct {
	w    io.Writer
	size int64 // written so far
	ino  uint32
	err  error
}

// The file types of c_mode, linux/stat.h.
const (
	modeFile      = 0o100000
	modeDirectory = 0o040000
	modeCharacter = 0o020000
)

// Directory adds an empty directory. Those above it must be there already.
func (n *newcWriter) Directory(name string, perm fs.FileMode) {
	n.entry(name, modeDirectory|uint32(perm.Perm()), 0, 0, nil)
}

// File adds a file.
func (n *newcWriter) File(name string, perm fs.FileMode, content []byte) {
	n.entry(name, modeFile|uint32(perm.Perm()), 0, 0, content)
}

// Character adds a character device.
func (n *newcWriter) Character(name string, perm fs.FileMode, major, minor uint32) {
	n.entry(name, modeCharacter|uint32(perm.Perm()), major, minor, nil)
}

// Close ends the archive. It does not close the writer below.
func (n *newcWriter) Close() error {
	n.entry("TRAILER!!!", 0, 0, 0, nil)
	return n.err
}

// entry writes a header (struct cpio_newc_header), the name with its NUL, and the content, each but the first filled up to 4 bytes.
func (n *newcWriter) entry(name string, mode, major, minor uint32, content []byte) {
	n.ino++
	header := "070701"
	for _, field := range [...]uint32{
		n.ino, mode, 0, 0, 1, 0, uint32(len(content)), // c_ino, c_mode, c_uid, c_gid, c_nlink, c_mtime, c_filesize
		0, 0, major, minor, uint32(len(name) + 1), 0, // c_maj, c_min, c_rmaj, c_rmin, c_namesize, c_chksum
	} {
		header += fmt.Sprintf("%08x", field)
	}
	n.write([]byte(header + name + "\x00"))
	n.fill()
	n.write(content)
	n.fill()
}

func (n *newcWriter) fill() { n.write(make([]byte, -n.size&3)) }

func (n *newcWriter) write(b []byte) {
	if n.err != nil {
		return
	}
	written, err := n.w.Write(b)
	n.size += int64(written)
	n.err = err
}
