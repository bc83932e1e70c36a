package caller

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitArguments(t *testing.T) {
	for cmdline, want := range map[string][]string{
		"":                           nil, // a zombie, or a thread of the kernel
		"ssh\x00":                    {"ssh"},
		"ssh\x00web.clever\x00":      {"ssh", "web.clever"},
		"ssh\x00web.clever\x00\x00":  {"ssh", "web.clever", ""},
		"ssh\x00\x00web.clever\x00":  {"ssh", "", "web.clever"},
		"ssh\x00\x00":                {"ssh", ""},
		"ssh: /home/bob/ctl [mux]\n": {"ssh: /home/bob/ctl [mux]\n"}, // it wrote over its arguments
	} {
		if diff := cmp.Diff(want, splitArguments(cmdline)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", cmdline, diff)
		}
	}
}

func TestParseStat(t *testing.T) {
	const after = " S 4711 42 42 34816 42 4194304 100 0 0 0 1 2 0 0 20 0 1 0 123456789 8192 300 18446744073709551615\n"
	for _, name := range []string{"ssh", "a b", "a) R 1 (b", ") ", "()", "x\ny"} {
		parent, start, err := parseStat("42 (" + name + ")" + after)
		if err != nil || parent != 4711 || start != 123456789 {
			t.Errorf("name %q: parent %d, start %d, %v", name, parent, start, err)
		}
	}
	for _, stat := range []string{"", "42 (ssh)", "42 (ssh) S 4711 42", "42 (ssh) S x" + after, "no parentheses"} {
		if parent, start, err := parseStat(stat); err == nil {
			t.Errorf("%q: parent %d, start %d", stat, parent, start)
		}
	}
}

func TestReadProcess(t *testing.T) {
	self, err := readProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(os.Args, self.args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	if self.parent != os.Getppid() {
		t.Errorf("parent %d, want %d", self.parent, os.Getppid())
	}
	if first, err := readProcess(1); err != nil || first.start > self.start {
		t.Errorf("process 1 started at %d, this one at %d, %v", first.start, self.start, err)
	}
	if _, err := readProcess(1 << 30); err == nil {
		t.Error("a process that cannot be is read")
	}
}
