//go:build unix

package doctor

import "os"

// obeysEscapes reports whether a terminal shows colours for escape sequences: all of them do here.
func obeysEscapes(*os.File) bool { return true }
