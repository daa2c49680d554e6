// Command nothing does nothing. It is what a program in Go takes to start and to end.
package main

func main() {}
