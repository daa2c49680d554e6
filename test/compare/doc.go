// Package compare measures plumb beside what it is to be compared with: the floor, which is a C program that sends
// prebuilt messages, and runc. It has a go.mod of its own, so that no rival is ever a requirement of plumb's.
//
// Everything is in its tests and benchmarks; README.md says how to run and to read them.
package compare
