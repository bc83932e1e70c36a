package atomicfile

import "strings"

// accessList is empty: the access lists of macOS are not attributes that can be read.
const accessList = ""

// keeps tells whether an attribute goes with the file.
func keeps(name string) bool { return name != "" }

// systemOnly tells of attributes that are the system's own notes, some of which it lets nobody set.
func systemOnly(name string) bool { return strings.HasPrefix(name, "com.apple.") }
