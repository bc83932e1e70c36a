package login

import "os"

// openAside makes a file: pipes with a name are not files here.
func openAside(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// Speak opens what openAside has made.
func Speak(path string) (*os.File, error) { return os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0) }

// writeAside has the listener read something, or the end of the file if that fails.
func writeAside(path string, file *os.File, text []byte) {
	w, err := Speak(path)
	if err != nil {
		file.Close()
		return
	}
	w.Write(text)
	w.Close()
}
