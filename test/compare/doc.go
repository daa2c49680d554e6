// Package compare measures plumb beside what it is to be compared with: the floors, which are C programs that send prepared
// messages, other libraries, and runc. It has a go.mod of its own, so that no rival is ever a requirement of plumb's.
//
// It is used by cmd/report, which writes docs/benchmarks.md, and by its tests and benchmarks; README.md says how to run and to read them.
package compare
