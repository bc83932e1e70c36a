//go:build unix

package main

import "os"

// Here a program is on PATH, or it is not installed.
func usualPlaces(string) []string { return nil }

const adviceOnNoSSH = "install OpenSSH to use them"

func adviceOnPath(folder string) string { return "add " + folder + " to PATH" }

// shellQuote writes an argument for the shell that people use here.
func shellQuote(arg string) string { return posixQuote(arg) }

// withShell tells what runs a Match exec.
func withShell() string { return " with $SHELL, which is " + os.Getenv("SHELL") }
