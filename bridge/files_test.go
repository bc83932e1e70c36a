//go:build unix

package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/internal/test"
)

// fill makes a folder with some files in it.
func fill(t *testing.T, dir string) {
	t.Helper()
	for i := range 40 {
		sub := filepath.Join(dir, fmt.Sprintf("folder %d", i%4))
		if err := os.MkdirAll(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprintf("file '%d' é", i)), []byte(strings.Repeat(fmt.Sprintln(i), i*1000)), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]os.FileMode{"script": 0o750, "read only": 0o440} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
}

// differences compares two folders, including times and permissions.
func differences(t *testing.T, w *world, a, b string) string {
	t.Helper()
	return succeeds(t, w.command("rsync", "-ain", "--delete", "--checksum", a+"/", b+"/"))
}

// Files go to the instance and come back, with every program that copies files.
func TestFiles(t *testing.T) {
	t.Parallel()
	test.Need(t, "scp", "sftp", "rsync", "tar")
	eachWay(t, func(t *testing.T, w *world) {
		local, there := filepath.Join(w.dir, "local"), filepath.Join(w.dir, "there")
		if err := os.Mkdir(local, 0o755); err != nil {
			t.Fatal(err)
		}
		fill(t, local)
		ssh := "ssh -F " + w.path("config")
		for _, program := range []struct{ name, up, down string }{
			{"scp", "scp -F config -qrp local web:" + there, "scp -F config -qrp web:" + there + " back"},
			{"scp -O", "scp -F config -qrpO local web:" + there, "scp -F config -qrpO web:" + there + " back"},
			{"sftp", "sftp -F config -qpb up web", "sftp -F config -qpb down web"},
			{"rsync", "rsync -a -e '" + ssh + "' local/ web:" + there + "/", "rsync -a --partial -e '" + ssh + "' web:" + there + "/ back/"},
			{"tar", "tar cf - -C local . | " + ssh + " web 'mkdir there; tar xpf - -C there'",
				"mkdir back; " + ssh + " web tar cf - -C there . < /dev/null | tar xpf - -C back"},
		} {
			if program.name == "tar" {
				there = "there" // in the instance's home
			}
			w.write(t, "up", fmt.Sprintf("mkdir %s\nput -pr local/* %s\n", there, there), 0o600)
			w.write(t, "down", "lmkdir back\nlcd back\nget -pr "+there+"/*\n", 0o600)
			succeeds(t, w.command("sh", "-c", program.up))
			succeeds(t, w.command("sh", "-c", program.down))
			if program.name == "sftp" { // it does not set the times of the folder that put names
				succeeds(t, w.command("touch", "-r", local, w.path("back")))
			}
			if d := differences(t, w, local, w.path("back")); d != "" {
				t.Errorf("%s: the files that came back differ:\n%s", program.name, d)
			}
			succeeds(t, w.command("rm", "-rf", w.path("back"), w.path("there")))
		}
	})
}

func TestGit(t *testing.T) {
	t.Parallel()
	test.Need(t, "git")
	w := programWorld(t)
	w.env = append(w.env, "GIT_SSH_COMMAND=ssh -F "+w.path("config"), "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
	succeeds(t, w.command("sh", "-ec", fmt.Sprintf(`
git init -q --bare -b main %[1]s/there.git
git clone -q ssh://web%[1]s/there.git a 2>/dev/null
cd a && git checkout -q -b main && echo x > x && git add x && git commit -qm x && git push -q origin main
cd .. && git clone -q ssh://web%[1]s/there.git b && cmp a/x b/x
`, w.dir)))
}

// A server whose client goes while it says a lot on stderr is cut off, and its words are shown.
func TestFilesCutOff(t *testing.T) {
	t.Parallel()
	o, home := instanceShell(t, "exec bash\n")
	o.Line = noLine{}
	b := newBridge(o)
	defer b.wait(0)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stdin, open := io.Pipe()
	defer open.Close()
	var words strings.Builder
	served := make(chan error, 1)
	go func() {
		// Nobody can write so much before most of it was read.
		script := newScript("yes words | head -c 4000000 >&2; touch said; yes words >&2", nil)
		_, err := serveFiles(ctx, b.starter, script, streams{stdin, io.Discard, &words}, func(job) {})
		served <- err
	}()
	test.Eventually(t, "the server has said a lot", func() bool {
		_, err := os.Stat(filepath.Join(home, "said"))
		return err == nil
	})
	cancel()
	if err := test.Within(t, "the end of the server", served); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if !strings.Contains(words.String(), "words\nwords\n") {
		t.Errorf("%d bytes of its words", words.Len())
	}
}
