//go:build !linux && !darwin

package atomicfile

import "os"

// keepAttributes has nothing to do: Windows has none, and those of other systems are not known here.
func keepAttributes(*os.File, string) error { return nil }

// hasAccessList cannot tell.
func hasAccessList(string) bool { return false }
