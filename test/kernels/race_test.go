//go:build race

package kernels

const race = true
