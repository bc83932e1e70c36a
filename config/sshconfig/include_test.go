package sshconfig

import (
	"bytes"
	"strings"
	"testing"
)

func TestAddIncludeAndRemoveInclude(t *testing.T) {
	const line = "Include clever/config"
	for _, c := range []struct{ title, before, added string }{
		{"empty", "", line + "\n"},
		{"one directive", "User me\n", line + "\nUser me\n"},
		{"no final newline", "User me", line + "\nUser me"},
		{"above comments and blank lines", "\n# mine\n\nUser me\n", line + "\n\n# mine\n\nUser me\n"},
		{"CRLF", "User me\r\nPort 2\r\n", line + "\r\nUser me\r\nPort 2\r\n"},
		{"the first line decides", "User me\nPort 2\r\n", line + "\nUser me\nPort 2\r\n"},
		{"a carriage return without a line feed", "User me\r", line + "\nUser me\r"},
		{"behind another directive", "User me\n" + line + "\n", line + "\nUser me\n" + line + "\n"},
		{"inside a Host block", "Host a\n  " + line + "\n", line + "\nHost a\n  " + line + "\n"},
		{"commented out", "#" + line + "\n", line + "\n#" + line + "\n"},
		{"of another file", "Include clever/config2\n", line + "\nInclude clever/config2\n"},
	} {
		added, err := AddInclude([]byte(c.before), standard)
		if err != nil || string(added) != c.added {
			t.Errorf("%s: added %q, %v, want %q", c.title, added, err, c.added)
		}
		if removed := RemoveInclude(added, standard); string(removed) != c.before {
			t.Errorf("%s: removed %q, want %q", c.title, removed, c.before)
		}
	}
}

func TestIncludeElsewhere(t *testing.T) {
	l := Layout{UserFile: "/srv/my files/ssh_config"}
	for _, c := range []struct{ title, before, after string }{
		{"in quotes", "User me\n", "Include \"/srv/my files/clever/config\"\nUser me\n"},
		{"there already", "include = \"/srv/my files/clever/config\"\n", "include = \"/srv/my files/clever/config\"\n"},
		{"without quotes it is two other files", "Include /srv/my files/clever/config\n", "Include \"/srv/my files/clever/config\"\nInclude /srv/my files/clever/config\n"},
		{"a relative path leads to ~/.ssh", "Include clever/config\n", "Include \"/srv/my files/clever/config\"\nInclude clever/config\n"},
	} {
		after, err := AddInclude([]byte(c.before), l)
		if err != nil || string(after) != c.after {
			t.Errorf("%s: %q, %v, want %q", c.title, after, err, c.after)
		}
	}
}

func TestRemoveIncludeTakesOnlyItsOwnLine(t *testing.T) {
	for _, c := range []struct{ title, before, after string }{
		{"our line alone", "Include clever/config\n", ""},
		{"our line below a comment that came later", "# mine\nInclude clever/config\nUser me\n", "# mine\nUser me\n"},
		{"the second of two stays", "Include clever/config\nInclude clever/config\n", "Include clever/config\n"},
		{"another spelling is the user's own", "include \"clever/config\"\n", "include \"clever/config\"\n"},
		{"indented", " Include clever/config\n", " Include clever/config\n"},
		{"with another file", "Include clever/config mine\n", "Include clever/config mine\n"},
		{"with a comment", "Include clever/config # keep\n", "Include clever/config # keep\n"},
		{"with a tilde", "Include ~/.ssh/clever/config\n", "Include ~/.ssh/clever/config\n"},
		{"not there", "User me\n", "User me\n"},
		{"empty", "", ""},
	} {
		if got := RemoveInclude([]byte(c.before), standard); string(got) != c.after {
			t.Errorf("%s: %q, want %q", c.title, got, c.after)
		}
	}
}

// Nothing may come before the entries: what ssh obtains first, stays.
func TestAddIncludeComesFirst(t *testing.T) {
	for _, c := range []struct{ title, before string }{
		{"the same line names another file before", "Include mine.conf clever/config\nUser me\n"},
		{"a quote that is not closed, so that ssh 8.0 reads no file at all", "Include \"clever/config\n"},
		{"text sticks to the closing quote, so that it is another file", "Include \"clever/config\"2\n"},
	} {
		got, err := AddInclude([]byte(c.before), standard)
		if want := "Include clever/config\n" + c.before; err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", c.title, got, err, want)
		}
	}
}

func TestIncludeOnUserFiles(t *testing.T) {
	for _, f := range userFiles {
		t.Run(f.title, func(t *testing.T) {
			for _, l := range []Layout{standard, {UserFile: "/srv/my files/ssh_config"}} {
				checkInclude(t, []byte(f.text), l)
			}
			got, _ := AddInclude([]byte(f.text), standard)
			if string(got) == f.text != f.ours && !f.unread {
				t.Errorf("added: %v, want %v", !f.ours, f.ours)
			}
			refused := bytes.HasPrefix([]byte(f.text), byteOrderMark)
			if refused != f.unread {
				t.Errorf("refused: %v, want %v", refused, f.unread)
			}
		})
	}
}

// checkInclude checks what holds for every file, and needs no example.
func checkInclude(t *testing.T, text []byte, l Layout) {
	t.Helper()
	given := bytes.Clone(text)
	defer func() {
		if !bytes.Equal(given, text) {
			t.Errorf("the text given was changed: %q", text)
		}
	}()
	added, err := AddInclude(text, l)
	if err != nil {
		if !bytes.HasPrefix(text, byteOrderMark) || added != nil {
			t.Errorf("%v, with %q", err, added)
		}
		return
	}
	line, isOurs := bytes.CutSuffix(added, text)
	if !isOurs {
		t.Fatalf("what was there is not there any more: %q", added)
	}
	if len(line) > 0 {
		if s := string(line); s != l.IncludeLine()+"\n" && s != l.IncludeLine()+"\r\n" {
			t.Errorf("added %q", s)
		}
		if removed := RemoveInclude(added, l); !bytes.Equal(removed, text) {
			t.Errorf("removing does not undo adding: %q", removed)
		}
	}
	twice, err := AddInclude(added, l)
	if err != nil || !bytes.Equal(twice, added) {
		t.Errorf("a second time: %v, %q", err, twice)
	}
	// A file that setup has not touched loses at most one line, and only one that it might have written.
	removed := RemoveInclude(text, l)
	if len(removed) == len(text) {
		if !bytes.Equal(removed, text) {
			t.Errorf("removed nothing, changed something: %q", removed)
		}
		return
	}
	above := 0
	for line := range bytes.Lines(text) {
		if s := strings.Trim(string(line), " \t\r\n\f"); s == "" || s[0] == '#' {
			above += len(line)
			continue
		}
		if strings.TrimRight(string(line), "\r\n") != l.IncludeLine() {
			t.Errorf("removed what is not ours: %q", line)
		}
		if string(removed) != string(text[:above])+string(text[above+len(line):]) {
			t.Errorf("removed more than the line: %q", removed)
		}
		return
	}
	t.Errorf("removed a comment: %q", removed)
}

func FuzzInclude(f *testing.F) {
	for _, u := range userFiles {
		f.Add([]byte(u.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		checkInclude(t, text, standard)
		checkInclude(t, text, Layout{UserFile: "/srv/my files/ssh_config"})
	})
}
