package atomicfile

import "strings"

// accessList is empty: the access lists of macOS cannot be read as attributes.
const accessList = ""

// keeps reports whether a new file gets an attribute of the old one.
func keeps(name string) bool { return name != "" }

// systemOnly reports whether an attribute is one of the system's own notes, some of which nobody may set.
func systemOnly(name string) bool { return strings.HasPrefix(name, "com.apple.") }
