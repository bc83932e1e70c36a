package login

import "os"

// openBackChannel makes a file: pipes with a name are not files here.
func openBackChannel(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// Speak opens, for the process at the other end, the back channel at a path.
func Speak(path string) (*os.File, error) { return os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0) }

// writeBackChannel has the listener read something, or the end of the file if that fails.
func writeBackChannel(path string, file *os.File, text []byte) {
	w, err := Speak(path)
	if err != nil {
		file.Close()
		return
	}
	w.Write(text)
	w.Close()
}

// hide does nothing: a file that is open stays.
func hide(string) {}
