//go:build !linux && !darwin

package atomicfile

import "os"

// keepAttributes does nothing: Windows has no attributes, and those of other systems are unknown here.
func keepAttributes(*os.File, string) error { return nil }

// hasAccessList cannot tell.
func hasAccessList(string) bool { return false }
