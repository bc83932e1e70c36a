package sshconfig

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"clever-ssh/internal/pattern"
	"clever-ssh/internal/sshline"
)

// EditUserFile decides what happens to the user's own file; nothing else does. The text is nil if there is no file.
// It may touch two things:
//
//   - The line that an earlier setup added, if l.Added says so, is removed: the first line spelled like setup's Include
//     line, from its first byte to its line end, if there are more of those than the user had.
//   - If the entries are wanted and the first directive does not include them, l's Include line is added before
//     everything else, with the line end of the file's first line. ssh takes the first value that it obtains for each
//     keyword, so nothing may come before it.
//
// No other byte changes. It returns the new text, nil if no file is to be left, and what a later remove has to undo.
func EditUserFile(text []byte, l Layout, wanted bool) (edited []byte, added *Added, err error) {
	added = l.Added
	if wanted && l.Includes(text) {
		return text, added, nil
	}
	if wanted && bytes.HasPrefix(text, byteOrderMark) {
		return nil, added, errors.New("it begins with a byte order mark, which ssh itself refuses: save the file without one")
	}
	edited = text
	if start, end, n := l.ownLines(text); added != nil && n > added.Lines {
		edited = append(append([]byte{}, text[:start]...), text[end:]...) // not nil, even if nothing is left
	}
	if !wanted {
		if added != nil && added.File && len(edited) == 0 {
			edited = nil
		}
		return edited, nil, nil
	}
	if added == nil {
		_, _, n := l.ownLines(text)
		added = &Added{File: text == nil, Lines: n}
	}
	line := l.IncludeLine() + "\n"
	if first, _, ok := bytes.Cut(text, []byte("\n")); ok && bytes.HasSuffix(first, []byte("\r")) {
		line = l.IncludeLine() + "\r\n"
	}
	return slices.Concat([]byte(line), edited), added, nil
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// Added is what setup found when it added the Include line, so that remove can restore it. It is kept as a comment in
// the derived config. That file is written before the line is added and stays until the line is gone, so Added is
// true even if setup or remove is interrupted.
type Added struct {
	Folder bool // even the folder of the user's file had to be made
	File   bool // the user's file had to be made
	Lines  int  // how many of the user's own lines look just like the Include line
}

// comment returns the line for the derived config.
func (a *Added) comment() string {
	before := fmt.Sprintf("were %d lines like it", a.Lines)
	switch {
	case a.Folder:
		before = "was no such folder"
	case a.File:
		before = "was no such file"
	}
	return "# The line that includes this was added by setup, where there " + before + "; `clever-ssh remove --all` removes it.\n"
}

var addedComment = pattern.New(`(?m)^# The line that includes this was added by setup, where there (was no such (folder|file)|were ([0-9]{1,9}) lines like it);`)

// ParseAdded reads from the derived config what setup added to the user's file; nil if nothing.
func ParseAdded(config []byte) *Added {
	m := addedComment().FindSubmatch(config)
	if m == nil {
		return nil
	}
	lines, _ := strconv.Atoi(string(m[3])) // none where there was no file
	return &Added{Folder: string(m[2]) == "folder", File: len(m[2]) > 0, Lines: lines}
}

// ownLines finds the lines that are spelled like setup's Include line. It returns where the first begins and ends,
// and how many there are.
func (l Layout) ownLines(text []byte) (start, end, n int) {
	at := 0
	for line := range bytes.Lines(text) {
		spelled := strings.TrimRight(string(line), "\r\n")
		if spelled == l.IncludeLine() || spelled == "Include "+quote(filepath.ToSlash(l.ConfigFile())) {
			if n++; n == 1 {
				start, end = at, at+len(line)
			}
		}
		at += len(line)
	}
	return start, end, n
}

// Includes reports whether the first directive of a text includes the entries, in any spelling.
func (l Layout) Includes(text []byte) bool {
	for line := range bytes.Lines(text) {
		if directive, ok := sshline.Parse(string(line)); ok {
			return directive.Keyword == "include" && l.isEntries(directive.Argument())
		}
	}
	return false
}

// isEntries reports whether an argument of Include names the file of the entries.
func (l Layout) isEntries(path string) bool {
	return path == l.include("config") || path == l.ConfigFile() || path == filepath.ToSlash(l.ConfigFile()) || (l.Standard && path == "~/.ssh/clever/config")
}
