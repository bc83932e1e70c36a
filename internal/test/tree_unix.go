//go:build unix

package test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Tree returns everything below a folder, by path: kind, mode, owner, and the content of a file or the target of a
// link.
func Tree(t testing.TB, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var content []byte
		var link string
		switch {
		case info.Mode().IsRegular():
			content, err = os.ReadFile(path)
		case info.Mode()&fs.ModeSymlink != 0:
			link, err = os.Readlink(path)
		}
		name, _ := filepath.Rel(folder, path)
		s := info.Sys().(*syscall.Stat_t)
		all[name] = fmt.Sprintf("%v %d:%d %s%s", info.Mode(), s.Uid, s.Gid, content, link)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
