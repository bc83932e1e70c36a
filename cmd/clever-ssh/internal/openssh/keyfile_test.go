package openssh

import (
	"os/user"
	"path/filepath"
	"testing"

	"clever-ssh/config"
)

func TestExpandTokens(t *testing.T) {
	home, err := config.Home()
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("KEYS", "/keys")
	const options = "hostname gw.example\nuser ssh\nport 2222\n"
	for path, want := range map[string]struct {
		expanded string
		ok       bool
	}{
		"/keys/id":          {"/keys/id", true},
		"~/.ssh/id":         {filepath.Join(home, ".ssh", "id"), true},
		"%d/id":             {filepath.Clean(home) + "/id", true},
		"/keys/%h-%p-%r":    {"/keys/gw.example-2222-ssh", true},
		"/keys/%u":          {"/keys/" + me.Username, true},
		"/keys/100%%":       {"/keys/100%", true},
		"/keys/%%h":         {"/keys/%h", true},
		"${KEYS}/id":        {"/keys/id", true},
		"${NO_SUCH_VAR}/id": {"${NO_SUCH_VAR}/id", false},
		"$KEYS/id":          {"$KEYS/id", true}, // not a variable to ssh
		"/keys/%C-%h":       {"/keys/%C-gw.example", false},
		"/keys/%":           {"/keys/%", false},
		"~root/id":          {"~root/id", true},
	} {
		if expanded, ok := expandTokens(path, options); expanded != want.expanded || ok != want.ok {
			t.Errorf("%s: %q, %t", path, expanded, ok)
		}
	}
}

func TestExists(t *testing.T) {
	dir := t.TempDir()
	if !Exists(dir) || Exists(filepath.Join(dir, "id")) {
		t.Error("Exists is wrong")
	}
}
