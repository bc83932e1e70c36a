package login

import "os"

// openAside makes a file: pipes with a name are not files here.
func openAside(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// Speak opens what openAside has made.
func Speak(path string) (*os.File, error) { return os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0) }

// endAside has the listener come to the end.
func endAside(a *aside) {
	w, err := Speak(a.path)
	if err != nil {
		a.file.Close()
		return
	}
	w.Write([]byte{lastByte})
	w.Close()
}
