package main

import (
	"os"
	"path/filepath"
	"strings"
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

// adviceOnPath is a line for PowerShell. (setx, which is often seen, cuts a long PATH off.)
func adviceOnPath(folder string) string {
	return `in PowerShell, type: [Environment]::SetEnvironmentVariable('Path', [Environment]::GetEnvironmentVariable('Path','User') + ';` +
		strings.ReplaceAll(folder, "'", "''") + `', 'User')   and open another window`
}

// shellQuote writes an argument for the shell that people use here.
func shellQuote(arg string) string { return cmdQuote(arg) }

// withShell tells what runs a Match exec: always the same here.
func withShell() string { return "" }
