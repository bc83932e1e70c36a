// Pack writes the files of a release that must come out the same on every machine. tar, gzip and zip would include
// the times, owners, modes and order that they find, in each system's own way.
//
//	pack ARCHIVE.tar.gz FOLDER    also ARCHIVE.zip; unpacks into one folder of the same name
//	pack FILE.gz FILE
//	pack SHA256SUMS FILE ...
//
// All times are SOURCE_DATE_EPOCH, as reproducible-builds.org has it.
package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("pack: ")
	if len(os.Args) < 3 {
		log.Fatal("name the file to write and the files to take")
	}
	if err := pack(os.Args[1], os.Args[2:]); err != nil {
		log.Fatal(err)
	}
}

func pack(path string, from []string) error {
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("reading SOURCE_DATE_EPOCH: %w", err)
	}
	when := time.Unix(seconds, 0).UTC()
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	switch {
	case strings.HasSuffix(path, ".tar.gz"):
		err = writeTar(out, from[0], when)
	case strings.HasSuffix(path, ".zip"):
		err = writeZip(out, from[0], when)
	case strings.HasSuffix(path, ".gz"):
		err = writeGzip(out, from[0])
	default:
		err = writeSums(out, from)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return out.Close()
}

func writeTar(out io.Writer, folder string, when time.Time) error {
	z, _ := gzip.NewWriterLevel(out, gzip.BestCompression) // without a name or a time, as gzip -n
	w := tar.NewWriter(z)
	err := walk(folder, func(name string, info os.FileInfo, content io.Reader) error {
		h := &tar.Header{Format: tar.FormatUSTAR, Name: name, Mode: int64(mode(info)), ModTime: when, Typeflag: tar.TypeDir}
		if content == nil {
			h.Name += "/"
			return w.WriteHeader(h)
		}
		h.Typeflag, h.Size = tar.TypeReg, info.Size()
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err := io.Copy(w, content)
		return err
	})
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return z.Close()
}

func writeZip(out io.Writer, folder string, when time.Time) error {
	w := zip.NewWriter(out)
	err := walk(folder, func(name string, info os.FileInfo, content io.Reader) error {
		if content == nil {
			name += "/"
		}
		h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: when}
		h.SetMode(info.Mode().Type() | mode(info))
		part, err := w.CreateHeader(h)
		if err != nil || content == nil {
			return err
		}
		_, err = io.Copy(part, content)
		return err
	})
	if err != nil {
		return err
	}
	return w.Close()
}

// walk calls found for a folder and everything in it, in the order of the names, with slashes. A folder has no
// content.
func walk(folder string, found func(name string, info os.FileInfo, content io.Reader) error) error {
	return filepath.Walk(folder, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(filepath.Dir(folder), path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if info.IsDir() {
			return found(name, info, nil)
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return found(name, info, f)
	})
}

// mode is for everyone, whatever the umask was.
func mode(info os.FileInfo) os.FileMode {
	if info.Mode()&0o100 != 0 {
		return 0o755
	}
	return 0o644
}

func writeGzip(out io.Writer, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	z, _ := gzip.NewWriterLevel(out, gzip.BestCompression)
	if _, err := z.Write(content); err != nil {
		return err
	}
	return z.Close()
}

func writeSums(out io.Writer, files []string) error {
	slices.Sort(files)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%x  %s\n", sha256.Sum256(content), filepath.Base(file)); err != nil {
			return err
		}
	}
	return nil
}
