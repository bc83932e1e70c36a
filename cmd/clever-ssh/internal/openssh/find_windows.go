package openssh

import (
	"os"
	"path/filepath"
)

// usualPlaces lists where Windows keeps installed programs whose folder may not be on PATH: Windows' own
// OpenSSH, one installed beside it, Git's, and PuTTY's.
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
