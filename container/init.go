package container

// Init must come first in the main function of every program that starts containers, and in the TestMain of every test that does.
// It returns at once unless this process is a container's first process before its command runs.
func Init() {}
