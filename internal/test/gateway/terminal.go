package gateway

import "os"

// terminal is a pseudo-terminal: the shell has the tty end, and whoever types has the controller end.
type terminal struct {
	controller, tty *os.File
}

// windowSize is a window's size as SSH sends it (RFC 4254, section 6.7).
type windowSize struct {
	Columns, Rows uint32 // in characters
	Width, Height uint32 // in pixels
}

// close closes both ends. It may be called again.
func (t *terminal) close() {
	t.tty.Close()
	t.controller.Close()
}
