package line

import (
	"embed"
	"strings"

	"clever-ssh/bridge"
)

// folder holds the outposts that this program carries: one gzipped file for each processor, PROCESSOR-HASH.gz.
// scripts/outposts names them. A program that was built without them works without outposts.
//
//go:embed programs
var folder embed.FS

// extension ends the name of an outpost's file.
const extension = ".gz"

// HasPrograms reports whether this program carries outposts.
func HasPrograms() bool {
	entries, _ := folder.ReadDir("programs")
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), extension) {
			return true
		}
	}
	return false
}

// Programs returns the outposts that this program carries, or none if it was built without them. They are a
// copy of several megabytes.
func Programs() bridge.Programs {
	list := bridge.Programs{}
	entries, _ := folder.ReadDir("programs")
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), extension)
		if program, err := folder.ReadFile("programs/" + e.Name()); ok && err == nil {
			machine, hash, _ := strings.Cut(name, "-")
			list[machine] = bridge.Program{Hash: hash, Gzip: program}
		}
	}
	return list
}
