// Package clevertools reads the files of Clever Cloud's own command line, clever-tools: the applications that a
// folder is linked to, and the gateway that it was told to use. It never writes them. A .clever.json comes with a
// repository, so its author may be anyone. Only names and targets that package config accepts leave this package, and
// no file can make the reader wait or run out of memory. Errors quote what a file contains, except clever-tools.json:
// its tokens and secrets leave the package only as [Secret], which prints nothing.
package clevertools

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/quote"
)

// maxFile bounds how many bytes of a file are read: room for some thousand applications.
const maxFile = 1 << 20

// Gateway returns the address of the gateway that clever-tools was told to use, as written, and where it is written;
// both are empty if clever-tools was told nothing. The folder is clever-tools' own, which also holds clever-ssh.toml.
//
// The order is that of clever-tools: the environment, then the active profile, which is the first. An empty
// $SSH_GATEWAY counts as unset: clever-tools would pass the empty name on to ssh, which helps nobody.
func Gateway(folder string) (address, source string, err error) {
	if address = os.Getenv("SSH_GATEWAY"); address != "" {
		return address, "$SSH_GATEWAY", nil
	}
	if environmentLogsIn() {
		return "", "", nil
	}
	path := loginFile(folder)
	text, err := readFile(path, atomicfile.ReadAtMost)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	p, err := parseProfile(text)
	if err != nil {
		return "", "", fmt.Errorf("%s does not contain clever-tools profiles", quote.Line(path)) // err may quote a secret
	}
	if p.gateway == "" {
		return "", "", nil
	}
	return p.gateway, fmt.Sprintf("profile %.64q in %s", p.alias, quote.Line(path)), nil
}

// readFile reads a whole file, if reading is sure to end.
func readFile(path string, read func(path string, most int64) ([]byte, error)) ([]byte, error) {
	text, err := readRegular(path, read)
	if access := new(atomicfile.AccessError); err == nil || errors.As(err, &access) {
		return text, err
	}
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		err = at.Err // without the path, which it would print unescaped
	}
	return nil, fmt.Errorf("reading %s: %w", quote.Line(path), err)
}

func readRegular(path string, read func(path string, most int64) ([]byte, error)) ([]byte, error) {
	// Check before opening it: opening a FIFO waits for a writer, and opening a device may do anything.
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	case info.Size() == 0:
		// A link may lead to /proc/kmsg: it is regular and has no length, and when root reads it, the read waits.
		return nil, errors.New("it is empty")
	}
	text, err := read(path, maxFile)
	switch {
	case errors.Is(err, atomicfile.ErrTooLarge):
		return nil, fmt.Errorf("it is larger than %d bytes", maxFile)
	case err == nil && text == nil:
		err = fs.ErrNotExist
	}
	return text, err
}

// checkJSON reports what is wrong with the text as a whole, and on which line.
func checkJSON(text []byte) error {
	var whole json.RawMessage
	err := json.Unmarshal(text, &whole)
	if at, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("line %d: %w", 1+bytes.Count(text[:at.Offset], []byte("\n")), err)
	}
	return err
}

// member stores one member of a JSON object in v. If it is missing or null, v stays as it is. Package json alone
// would accept the key in any case, and take the last of several: two readers of one file must not find different
// applications. So the key counts only as it is written here, and only once. The caller has checked that the object
// is valid JSON.
func member(object json.RawMessage, key string, v any) error {
	d := json.NewDecoder(bytes.NewReader(object))
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return errors.New("it is not a JSON object")
	}
	var found json.RawMessage
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if name == key {
			if found != nil {
				return fmt.Errorf("it contains %q twice", key)
			}
			found = value
		}
	}
	if found == nil || string(found) == "null" {
		return nil
	}
	err := json.Unmarshal(found, v)
	if at, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%q has the wrong type: %s", key, at.Value)
	}
	return err
}
