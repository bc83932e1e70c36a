package doctor

import (
	"os"

	"golang.org/x/sys/windows"
)

// obeysEscapes makes a console show colours for escape sequences. Consoles before Windows 10 cannot.
func obeysEscapes(f *os.File) bool {
	var mode uint32
	h := windows.Handle(f.Fd())
	return windows.GetConsoleMode(h, &mode) == nil && windows.SetConsoleMode(h, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
