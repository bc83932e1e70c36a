// Package handwritten finds the entries that people wrote into ssh_config by hand, before clever-ssh, for targets behind
// a gateway. It only reads, and it skips what it cannot read: whatever it finds, ssh connects as before.
package handwritten

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"clever-ssh/config"
	"clever-ssh/internal/atomicfile"
)

// Entry is a Host entry of the user's own that leads to a target behind a gateway.
type Entry struct {
	File   string        // where it is, as Include and its pattern spelled it: hostile
	Line   int           // of its RemoteCommand
	Alias  string        // the first literal pattern of Host, as written: hostile
	Name   config.Name   // the alias in lower case without the gateway's suffix; empty if that cannot be a name
	Target config.Target // what it asks the gateway for
	Suffix string        // of the gateway that it leads to
}

const (
	maxDepth = 16   // of Includes; ssh refuses more
	maxFiles = 1000 // files that may be included
	maxSize  = 4 << 20

	// The library's time grows with the square of a line's length, and it compiles each pattern to a regular
	// expression of a kilobyte or more.
	maxLine     = 4096
	maxPatterns = 50_000

	// For each entry it searches all blocks of the file.
	maxEntries = 1000

	maxAlias = 255 // no host name is longer
)

// Find returns the entries in a user's ssh_config and in the files that it includes, in the order in which ssh meets
// them. It leaves out an alias that appears again, since ssh takes the first value that it obtains.
//
// A relative Include is below sshFolder, the account's ~/.ssh, and ~ is its parent. Find reads no file in the folder
// derived, which clever-ssh writes itself. The errors are about files that mention a gateway but could not be
// understood; nobody wants to hear about the others.
func Find(file string, text []byte, sshFolder, derived string, c *config.Config) (entries []Entry, unread []error) {
	f := finder{config: c, sshFolder: sshFolder, aliases: map[string]bool{}}
	own, _ := os.ReadDir(derived)
	for _, e := range own {
		f.isNew(filepath.Join(derived, e.Name()))
	}
	f.isNew(file)
	f.read(file, text, 0)
	return f.entries, f.unread
}

// finder is one search.
type finder struct {
	config    *config.Config
	sshFolder string
	entries   []Entry
	unread    []error
	aliases   map[string]bool // those of the entries
	known     []fs.FileInfo   // the files that were read, and those that must not be
	files     int             // how many were included
}

// isNew reports whether the path is that of a regular file that was not met before under any name. Nothing else may
// be opened: a FIFO would wait for its writer.
func (f *finder) isNew(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() ||
		slices.ContainsFunc(f.known, func(k fs.FileInfo) bool { return os.SameFile(k, info) }) {
		return false
	}
	f.known = append(f.known, info)
	return true
}

// read adds the entries of one file and of those that it includes.
func (f *finder) read(path string, text []byte, depth int) {
	report := func(err error) { f.unread = append(f.unread, fmt.Errorf("reading %q: %w", path, err)) }
	matters := f.mentionsGateway(text)
	if len(text) > maxSize {
		if matters {
			report(fmt.Errorf("it is larger than %d bytes", maxSize))
		}
		return
	}
	lines, includes := digest(text, matters)
	var own []Entry
	if matters {
		var err error
		if own, err = f.decode(path, lines); err != nil {
			report(err)
		}
	}
	add := func(before int) {
		for ; len(own) > 0 && own[0].Line < before; own = own[1:] {
			if !f.aliases[own[0].Alias] {
				f.aliases[own[0].Alias] = true
				f.entries = append(f.entries, own[0])
			}
		}
	}
	for _, in := range includes {
		add(in.number)
		if depth < maxDepth {
			f.include(in.patterns, depth, report)
		}
	}
	add(math.MaxInt)
}

// include adds the entries of the files that the arguments of Include stand for.
func (f *finder) include(patterns []string, depth int, report func(error)) {
	for _, pattern := range patterns {
		for _, path := range f.glob(pattern) {
			if f.files > maxFiles {
				return
			}
			if !f.isNew(path) {
				continue
			}
			if f.files++; f.files > maxFiles {
				report(fmt.Errorf("more than %d files are included", maxFiles))
				return
			}
			// One byte too many shows that the file is too large.
			if text, err := atomicfile.ReadAtMost(path, maxSize+1); err == nil || errors.Is(err, atomicfile.ErrTooLarge) {
				f.read(path, text, depth+1)
			}
		}
	}
}

// mentionsGateway reports whether the host of any gateway occurs in a text. For most people, most files end here,
// before the library sees them: it is slow.
func (f *finder) mentionsGateway(text []byte) bool {
	text = bytes.ToLower(text)
	return slices.ContainsFunc(f.config.Gateways, func(g *config.Gateway) bool {
		return bytes.Contains(text, []byte(strings.ToLower(g.Address.Host)))
	})
}

// glob returns the files that an argument of Include stands for.
func (f *finder) glob(pattern string) []string {
	if rest, ok := strings.CutPrefix(pattern, "~/"); ok {
		pattern = filepath.Join(filepath.Dir(f.sshFolder), rest)
	} else if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(f.sshFolder, pattern)
	}
	paths, _ := filepath.Glob(pattern)
	// In ssh, unlike in Go, a wildcard does not match the dot of a hidden file, such as an editor leaves behind.
	hidden := func(path string) bool { return strings.HasPrefix(filepath.Base(path), ".") }
	return slices.DeleteFunc(paths, func(path string) bool { return hidden(path) && !hidden(pattern) })
}
