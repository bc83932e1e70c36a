// Outposts builds the program of cmd/outpost for each processor that instances have and compresses it. It also writes
// an overlay, as go build -overlay takes it, for building clever-ssh with these programs. The checkout stays as it
// is. The same sources and the same Go make the same bytes.
//
//	go run ./scripts/outposts FOLDER
//	go build -overlay FOLDER/overlay.json ./cmd/clever-ssh
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// place is where clever-ssh looks for them when it is built.
const place = "cmd/clever-ssh/internal/line/programs"

// machines maps each GOARCH to the processor's name in uname -m.
var machines = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "outposts: name the folder to write to")
		os.Exit(2)
	}
	if err := buildAll(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "outposts:", err)
		os.Exit(1)
	}
}

func buildAll(folder string) error {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	var overlay struct{ Replace map[string]string }
	overlay.Replace = map[string]string{}
	for arch, machine := range machines {
		file := filepath.Join(folder, machine+".gz")
		if err := build(arch, filepath.Join(folder, "outpost-"+arch), file); err != nil {
			return fmt.Errorf("%s: %w", machine, err)
		}
		overlay.Replace[filepath.Join(root, filepath.FromSlash(place), machine+".gz")] = file
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "overlay.json"), text, 0o644)
}

// build builds the outpost for a processor and compresses it into a file.
func build(arch, program, file string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=",
		"-o", program, "./cmd/outpost")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	content, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	var compressed bytes.Buffer
	w, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if err != nil {
		return err
	}
	w.Write(content)
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(file, compressed.Bytes(), 0o644)
}
