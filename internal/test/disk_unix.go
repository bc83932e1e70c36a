//go:build unix

package test

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

// FillDisk makes a file that takes all the space on a disk except some pages.
func FillDisk(t testing.TB, path string, but int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page, size := make([]byte, os.Getpagesize()), int64(0)
	for err == nil {
		var n int
		n, err = f.Write(page)
		size += int64(n)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := f.Truncate(size - int64(but*len(page))); err != nil {
		t.Fatal(err)
	}
}
