//go:build race

package container_test

func init() { raced = true }
