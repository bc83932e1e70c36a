//go:build unix

package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A stream of 24 MB arrives unchanged, in each direction.
func TestStreams(t *testing.T) {
	needPrograms(t)
	t.Parallel()
	const size = 24 << 20 // more than all buffers on the way hold
	file := filepath.Join(t.TempDir(), "data")
	sum := sha256.New()
	f, err := os.Create(file)
	if err == nil {
		_, err = io.CopyN(io.MultiWriter(f, sum), rand.Reader, size)
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%x", sum.Sum(nil))
	eachServer(t, func(t *testing.T, h *home) {
		data, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer data.Close()
		up := h.command("ssh", "-T", "web.clever")
		up.Stdin = io.MultiReader(strings.NewReader(fmt.Sprintf("head -c %d | sha256sum\n", size)), data)
		if out := runs(t, up); !strings.Contains(out, want) {
			t.Errorf("up: want %s, got\n%s", want, out)
		}
		down := h.command("ssh", "-T", "web.clever")
		down.Stdin = strings.NewReader("echo BEGIN; cat '" + file + "'\n")
		out, err := down.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := down.Start(); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(out)
		if err := down.Wait(); err != nil {
			t.Error(err)
		}
		_, got, _ = bytes.Cut(got, []byte("BEGIN\n"))
		if sum := fmt.Sprintf("%x", sha256.Sum256(got)); err != nil || sum != want {
			t.Errorf("down: %d bytes with sum %s (%v), want %d with %s", len(got), sum, err, size, want)
		}
	})
}
