//go:build unix

package main

import "os"

// Here a program is on PATH, or it is not installed.
func usualPlaces(string) []string { return nil }

const adviceOnNoSSH = "install OpenSSH"

func adviceOnPath(folder string) string { return "add " + folder + " to PATH" }

// accessCommand shows whose the files of a folder are.
func accessCommand(folder string) string { return "ls -la " + shellQuote(folder) }

// shellQuote writes an argument for the shell that people use here.
func shellQuote(arg string) string { return posixQuote(arg) }

// withShell tells what runs a Match exec.
func withShell() string { return " with $SHELL, which is " + os.Getenv("SHELL") }
