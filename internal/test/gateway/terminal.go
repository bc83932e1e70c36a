package gateway

import "os"

// terminal is a pseudo-terminal: tty is the end that the shell has, controller the end of the one who types.
type terminal struct {
	controller, tty *os.File
}

// windowSize is a window's size as SSH sends it (RFC 4254, section 6.7).
type windowSize struct {
	Columns, Rows uint32 // in characters
	Width, Height uint32 // in pixels
}

// close closes both ends; it may be called again.
func (t *terminal) close() {
	t.tty.Close()
	t.controller.Close()
}
