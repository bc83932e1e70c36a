//go:build !linux

// Command outpost runs on an instance, which is a Linux machine.
package main

import "os"

func main() {
	os.Stderr.WriteString("outpost runs on Linux only\n")
	os.Exit(1)
}
