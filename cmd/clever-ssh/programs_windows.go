package main

import (
	"os"
	"path/filepath"
	"strings"

	"clever-ssh/internal/quote"
)

// usualPlaces lists where Windows keeps a program that is installed, though PATH need not name its folder: Windows' own
// OpenSSH, the one that is installed beside it, Git's, and PuTTY's.
func usualPlaces(name string) []string {
	var list []string
	for _, place := range []struct{ variable, folder string }{
		{"SystemRoot", `System32\OpenSSH`},
		{"ProgramFiles", `OpenSSH`},
		{"ProgramFiles", `Git\usr\bin`},
		{"LocalAppData", `Programs\Git\usr\bin`},
		{"ProgramFiles", `PuTTY`},
		{"ProgramFiles(x86)", `PuTTY`},
	} {
		if root := os.Getenv(place.variable); root != "" {
			list = append(list, filepath.Join(root, place.folder, name+".exe"))
		}
	}
	return list
}

const adviceOnNoSSH = "add the OpenSSH Client in Settings, Optional features, or install Git for Windows"

// adviceOnPath names no command that would do it for good: setx cuts a long PATH off, and PowerShell freezes the variables in it.
func adviceOnPath(folder string) string {
	return `add that folder to Path in Settings, "Edit environment variables for your account", and open another window; for this one alone, in PowerShell: $env:Path += ';` +
		strings.ReplaceAll(folder, "'", "''") + `'`
}

// accessCommand shows who may do what in a folder.
func accessCommand(folder string) string { return "icacls " + quote.Arg(folder) }

// withShell tells what runs a Match exec: always the same here.
func withShell() string { return "" }
