package line

import (
	"embed"
	"strings"
	"sync"

	"clever-ssh/bridge"
)

// folder holds the outposts that this program carries: one file for each processor, named as uname -m names it, compressed by gzip.
// scripts/build.sh has them there. A program that was built without them works without outposts.
//
//go:embed programs
var folder embed.FS

// Programs are the outposts that this program carries; none if it was built without them.
var Programs = sync.OnceValue(func() bridge.Programs {
	list := bridge.Programs{}
	entries, _ := folder.ReadDir("programs")
	for _, e := range entries {
		if machine, ok := strings.CutSuffix(e.Name(), ".gz"); ok {
			if program, err := folder.ReadFile("programs/" + e.Name()); err == nil {
				list[machine] = program
			}
		}
	}
	return list
})
