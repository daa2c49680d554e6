// Package kernels boots real kernels in an emulator, and runs plumb in them as on a minimal host: an initramfs with plumb in it, the
// kernel's modules, and nothing else. So it is certain what plumb does where there are no tools, where its root is an initramfs (that
// nobody can pivot_root from), where a module is missing, and where the kernel is an old one.
//
// The kernels are Debian's for virtual machines. The script fetch gets them:
//
//	test/kernels/fetch              # into the user's cache directory, or that in PLUMB_KERNELS
//	go test ./test/kernels
//
// The test writes an initramfs (newc.go) for each boot, with the program of package init in it, which does what the test
// says (steps.go) and reports by a second serial line. Nothing of the machine that the test runs on is touched.
package kernels
