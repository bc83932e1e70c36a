//go:build unix

package main

import (
	"os"

	"clever-ssh/internal/quote"
)

// Here a program is on PATH, or it is not installed.
func usualPlaces(string) []string { return nil }

const adviceOnNoSSH = "install OpenSSH"

func adviceOnPath(folder string) string { return "add " + folder + " to PATH" }

// accessCommand shows whose the files of a folder are.
func accessCommand(folder string) string { return "ls -la " + quote.Arg(folder) }

// withShell tells what runs a Match exec.
func withShell() string { return " with $SHELL, which is " + os.Getenv("SHELL") }
