package test_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"clever-ssh/internal/test"
)

// basics may be imported by everything. They import nothing from the module but each other.
const basics = " internal/atomicfile internal/child internal/pattern internal/quote internal/sshline "

// config is what the user configured, and what follows from it.
const config = " config config/clevertools config/handwritten config/putty config/sshconfig "

// arrows lists for each package, without tests, what it may import from the module. All arrows point one way.
// The program imports the engine rooms; those import at most the configuration, which does not import them.
// Only the demo and packages for tests import anything below internal/test. Only setup and doctor import what
// asks the account's API: nothing on a connection's way waits for it.
var arrows = map[string]string{
	"bridge":   "outpost/wire" + basics,
	"proxycmd": "config" + basics,

	"config":             basics,
	"config/clevertools": "config" + basics,
	"config/handwritten": "config" + basics,
	"config/putty":       "config" + basics,
	"config/sshconfig":   "config" + basics,

	"internal/atomicfile": basics,
	"internal/child":      "",
	"internal/field":      "",
	"internal/caller":     "config" + basics, // which of its words are targets
	"internal/cleverapi":  "config/clevertools" + basics,
	"internal/pattern":    "",
	"internal/quote":      basics,
	"internal/sshline":    basics,

	"cmd/clever-ssh":                   rooms("ui openssh settings line login setup doctor survey listen database") + below,
	"cmd/clever-ssh/internal/database": "bridge" + basics,
	"cmd/clever-ssh/internal/doctor":   rooms("ui openssh settings line login setup") + " internal/cleverapi" + below,
	"cmd/clever-ssh/internal/survey":   rooms("ui openssh settings login") + below,
	"cmd/clever-ssh/internal/setup":    rooms("ui openssh settings line login") + " internal/cleverapi" + below,
	"cmd/clever-ssh/internal/listen":   rooms("ui openssh settings") + below,
	"cmd/clever-ssh/internal/login":    rooms("ui openssh settings line") + below,
	"cmd/clever-ssh/internal/line":     "outpost/wire bridge" + basics,
	"cmd/clever-ssh/internal/settings": rooms("ui") + below,
	"cmd/clever-ssh/internal/openssh":  rooms("ui") + below,
	"cmd/clever-ssh/internal/ui":       below,

	"cmd/outpost":  "outpost outpost/wire",
	"outpost":      "outpost/sftp outpost/wire",
	"outpost/sftp": "internal/field",
	"outpost/wire": "internal/field",

	"cmd/demo":         "bridge internal/test/gateway internal/quote",
	"scripts/bench":    basics,
	"scripts/outposts": "",
	"scripts/release":  basics,

	"internal/test":         "",
	"internal/test/api":     "",
	"internal/test/gateway": "internal/test",
	"internal/test/hangup":  "internal/test",
	"internal/test/hostile": "internal/test",
	"internal/test/sshd":    "internal/child internal/test",
	"internal/test/users":   "internal/test",
}

// below is what all rooms of the program may import.
const below = " bridge proxycmd internal/caller" + config + basics

// rooms returns the paths of the program's rooms.
func rooms(names string) string {
	const folder = " cmd/clever-ssh/internal/"
	return folder + strings.Join(strings.Fields(names), folder)
}

// All packages import, on each system, what the table says.
func TestLayout(t *testing.T) {
	test.Need(t, "go")
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, p := range packages(t, system) {
			name := strings.TrimPrefix(p.ImportPath, "clever-ssh/")
			allowed, known := arrows[name]
			if !known {
				t.Errorf("%s is not in the table: add a line to arrows in internal/test/layout_test.go, with as few imports as it needs", name)
				continue
			}
			for _, path := range p.Imports {
				if imported, ours := strings.CutPrefix(path, "clever-ssh/"); ours && !slices.Contains(strings.Fields(allowed), imported) {
					t.Errorf("%s: %s imports %s, against the direction of the arrows: move what it needs further down, or have its caller hand it in", system, name, imported)
				}
			}
		}
	}
}

// Every connection starts the program, so none of its packages compiles a regular expression before it is
// used.
func TestPatterns(t *testing.T) {
	test.Need(t, "go")
	for _, p := range packages(t, "linux") {
		if strings.HasPrefix(p.ImportPath, "clever-ssh/internal/test") || p.ImportPath == "clever-ssh/internal/pattern" {
			continue
		}
		for _, name := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "regexp.MustCompile(") {
				t.Errorf("%s/%s calls regexp.MustCompile: call pattern.New", p.ImportPath, name)
			}
		}
	}
}

// Each fuzz target has a corpus and is named in scripts/test.sh. No other name is there: Go would run nothing
// for it and report success.
func TestFuzzTargets(t *testing.T) {
	test.Need(t, "go")
	script, err := os.ReadFile("../../scripts/test.sh")
	if err != nil {
		t.Fatal(err)
	}
	var run, want []string
	for _, line := range regexp.MustCompile(`(?m)^fuzz (\S+) (.+)$`).FindAllStringSubmatch(string(script), -1) {
		for target := range strings.FieldsSeq(line[2]) {
			name, _, _ := strings.Cut(target, ":")
			run = append(run, line[1]+" "+name)
		}
	}
	for _, p := range packages(t, "linux") {
		for _, name := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			for _, target := range regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`).FindAllStringSubmatch(string(text), -1) {
				want = append(want, strings.TrimPrefix(p.ImportPath, "clever-ssh/")+" "+target[1])
				if corpus := filepath.Join(p.Dir, "testdata", "fuzz", target[1]); !holdsFiles(corpus) {
					t.Errorf("%s is not a folder with files", corpus)
				}
			}
		}
	}
	for _, target := range want {
		if !slices.Contains(run, target) {
			t.Errorf("scripts/test.sh does not run %s", target)
		}
	}
	for _, target := range run {
		if !slices.Contains(want, target) {
			t.Errorf("scripts/test.sh runs %s, which is not there", target)
		}
	}
}

func holdsFiles(folder string) bool {
	list, err := os.ReadDir(folder)
	return err == nil && len(list) > 0
}

// listed is a package as go list shows it: GoFiles and Imports are those of its files that are not tests.
type listed struct {
	Dir, ImportPath           string
	GoFiles, Imports          []string
	TestGoFiles, XTestGoFiles []string
}

func packages(t *testing.T, system string) (list []listed) {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=Dir,ImportPath,GoFiles,Imports,TestGoFiles,XTestGoFiles", "clever-ssh/...")
	cmd.Env = append(os.Environ(), "GOOS="+system)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, &stderr)
	}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if len(list) < 10 {
		t.Fatalf("go list shows %d packages", len(list))
	}
	return list
}
