//go:build unix && !linux

package bridge

import "golang.org/x/sys/unix"

const ioctlReadTermios = unix.TIOCGETA
