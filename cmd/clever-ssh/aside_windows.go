package main

import "os"

// openAside makes a file: pipes with a name are not files here.
func openAside(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// speakAside opens what openAside has made.
func speakAside(path string) (*os.File, error) { return os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0) }
