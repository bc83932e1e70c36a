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
	"crypto/sha256"
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
		hash, compressed, err := build(arch, filepath.Join(folder, "outpost-"+arch))
		if err != nil {
			return fmt.Errorf("%s: %w", machine, err)
		}
		name := machine + "-" + hash + ".gz"
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, compressed, 0o644); err != nil {
			return err
		}
		overlay.Replace[filepath.Join(root, filepath.FromSlash(place), name)] = file
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "overlay.json"), text, 0o644)
}

// build builds the outpost for a processor. It returns its SHA-256, in hexadecimal digits, and its bytes, compressed.
func build(arch, program string) (hash string, compressed []byte, err error) {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=",
		"-o", program, "./cmd/outpost")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", nil, err
	}
	content, err := os.ReadFile(program)
	if err != nil {
		return "", nil, err
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return "", nil, err
	}
	w.Write(content)
	err = w.Close()
	return fmt.Sprintf("%x", sha256.Sum256(content)), b.Bytes(), err
}
