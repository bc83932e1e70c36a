package sshconfig

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// As the first line, each of these also includes the entries for ssh: there is nothing to add.
func TestIncludesInAnySpelling(t *testing.T) {
	for _, line := range []string{
		`Include clever/config`, `include clever/config`, ` Include clever/config `, "Include\tclever/config", "Include clever/config\r", "Include\rclever/config",
		`Include=clever/config`, `Include = clever/config`, `= Include clever/config`,
		`Include "clever/config"`, `Include 'clever/config'`, `Include cl"ever/con"fig`, `"Include" clever/config`, `Inc"lude" clever/config`, `"Include"clever/config`,
		`Include clever/config mine.conf`, `Include clever/config # mine`, `Include ~/.ssh/clever/config`,
	} {
		text := []byte("# mine\n\n" + line + "\nUser me\n")
		if after, added, err := EditUserFile(text, standard, true); err != nil || added != nil || !bytes.Equal(after, text) {
			t.Errorf("%q: %q, %+v, %v", line, after, added, err)
		}
	}
}

// elsewhere is the layout of somebody who keeps the file in a different place.
var elsewhere = Layout{UserFile: "/srv/my files/ssh_config"}

// with returns a layout after setup has added what a says.
func (l Layout) with(a *Added) Layout {
	l.Added = a
	return l
}

func TestEditUserFile(t *testing.T) {
	const line = "Include clever/config"
	for _, c := range []struct{ title, before, after string }{
		{"empty", "", line + "\n"},
		{"one directive", "User me\n", line + "\nUser me\n"},
		{"no final newline", "User me", line + "\nUser me"},
		{"above comments and blank lines", "\n# mine\n\nUser me\n", line + "\n\n# mine\n\nUser me\n"},
		{"CRLF", "User me\r\nPort 2\r\n", line + "\r\nUser me\r\nPort 2\r\n"},
		{"the first line decides", "User me\nPort 2\r\n", line + "\nUser me\nPort 2\r\n"},
		{"a carriage return without a line feed", "User me\r", line + "\nUser me\r"},
		{"after another directive", "User me\n" + line + "\n", line + "\nUser me\n" + line + "\n"},
		{"inside a Host block", "Host a\n" + line + "\n", line + "\nHost a\n" + line + "\n"},
		{"commented out", "#" + line + "\n", line + "\n#" + line + "\n"},
		{"of another file", "Include clever/config2\n", line + "\nInclude clever/config2\n"},
		{"the same line names another file before", "Include mine.conf clever/config\n", line + "\nInclude mine.conf clever/config\n"},
		{"a quote that is not closed, so that ssh 8.0 reads no file at all", "Include \"clever/config\n", line + "\nInclude \"clever/config\n"},
		{"text sticks to the closing quote, so that it is another file", "Include \"clever/config\"2\n", line + "\nInclude \"clever/config\"2\n"},
	} {
		after, added, err := EditUserFile([]byte(c.before), standard, true)
		if err != nil || string(after) != c.after || added == nil {
			t.Errorf("%s: %q, %+v, %v, want %q", c.title, after, added, err, c.after)
			continue
		}
		if back, left, err := EditUserFile(after, standard.with(added), false); err != nil || string(back) != c.before || back == nil || left != nil {
			t.Errorf("%s: taken out: %q, %+v, %v, want %q", c.title, back, left, err, c.before)
		}
	}
}

func TestEditUserFileElsewhere(t *testing.T) {
	for _, c := range []struct{ title, before, after string }{
		{"in quotes", "User me\n", "Include \"/srv/my files/clever/config\"\nUser me\n"},
		{"there already", "include = \"/srv/my files/clever/config\"\n", "include = \"/srv/my files/clever/config\"\n"},
		{"without quotes it is two other files", "Include /srv/my files/clever/config\n", "Include \"/srv/my files/clever/config\"\nInclude /srv/my files/clever/config\n"},
		{"a relative path leads to ~/.ssh", "Include clever/config\n", "Include \"/srv/my files/clever/config\"\nInclude clever/config\n"},
	} {
		after, _, err := EditUserFile([]byte(c.before), elsewhere, true)
		if err != nil || string(after) != c.after {
			t.Errorf("%s: %q, %v, want %q", c.title, after, err, c.after)
		}
	}
}

// What belongs to the user stays, however much it looks like setup's.
func TestEditUserFileTakesOutOnlyItsOwnLine(t *testing.T) {
	const line = "Include clever/config\n"
	for _, c := range []struct {
		title, before string
		added         *Added
		after         string
	}{
		{"setup added nothing", line + "User me\n", nil, line + "User me\n"},
		{"the user had one, and it is the one that is left", "User me\n" + line, &Added{Lines: 1}, "User me\n" + line},
		{"the user had one below", line + "User me\n" + line, &Added{Lines: 1}, "User me\n" + line},
		{"below a comment that came later", "# mine\n" + line + "User me\n", &Added{}, "# mine\nUser me\n"},
		{"below another tool's line", "Include other\n" + line + "User me\n", &Added{}, "Include other\nUser me\n"},
		{"the last, without its newline", "User me\nInclude clever/config", &Added{}, "User me\n"},
		{"with CRLF", "Include clever/config\r\nUser me\r\n", &Added{}, "User me\r\n"},
		{"with an absolute path", "Include /home/me/.ssh/clever/config\nUser me\n", &Added{}, "User me\n"},
		{"another spelling", "include \"clever/config\"\n", &Added{}, "include \"clever/config\"\n"},
		{"indented", " " + line, &Added{}, " " + line},
		{"with another file", "Include clever/config mine\n", &Added{}, "Include clever/config mine\n"},
		{"with a comment", "Include clever/config # keep\n", &Added{}, "Include clever/config # keep\n"},
		{"with a tilde", "Include ~/.ssh/clever/config\n", &Added{}, "Include ~/.ssh/clever/config\n"},
		{"not there", "User me\n", &Added{}, "User me\n"},
		{"empty", "", &Added{}, ""},
	} {
		after, _, err := EditUserFile([]byte(c.before), standard.with(c.added), false)
		if err != nil || string(after) != c.after || after == nil {
			t.Errorf("%s: %q, %v, want %q", c.title, after, err, c.after)
		}
	}
}

// When another tool has put itself above, the line moves up: there is never a second one.
func TestEditUserFileMovesItsLine(t *testing.T) {
	l := standard.with(&Added{File: true})
	after, added, err := EditUserFile([]byte("Include other\nInclude clever/config\nUser me\n"), l, true)
	if want := "Include clever/config\nInclude other\nUser me\n"; err != nil || string(after) != want || added != l.Added {
		t.Errorf("%q, %+v, %v, want %q", after, added, err, want)
	}
}

// A file that did not exist is removed again, unless somebody else has written to it.
func TestEditUserFileThatWasAbsent(t *testing.T) {
	text, added, err := EditUserFile(nil, standard, true)
	if err != nil || string(text) != "Include clever/config\n" || added == nil || !added.File {
		t.Fatalf("%q, %+v, %v", text, added, err)
	}
	for before, want := range map[string][]byte{string(text): nil, string(text) + "User me\n": []byte("User me\n"), "": nil} {
		after, _, err := EditUserFile([]byte(before), standard.with(added), false)
		if err != nil || !bytes.Equal(after, want) || (after == nil) != (want == nil) {
			t.Errorf("%q: %q, %v, want %q", before, after, err, want)
		}
	}
	if after, _, err := EditUserFile(nil, standard.with(added), false); err != nil || after != nil {
		t.Errorf("absent: %q, %v", after, err)
	}
}

// The derived config records what setup has added.
func TestParseAdded(t *testing.T) {
	c := parse(t, twoGateways)
	for _, a := range []*Added{nil, {}, {Lines: 1}, {Lines: 12345}, {File: true}, {Folder: true, File: true}} {
		got := ParseAdded(Config(c, standard.with(a)))
		if (got == nil) != (a == nil) || (a != nil && *got != *a) {
			t.Errorf("%+v: %+v", a, got)
		}
	}
	for _, text := range []string{"", "User me\n", " " + (&Added{}).comment(), "# The line that includes this was added by setup, where there were -1 lines like it; x\n"} {
		if a := ParseAdded([]byte(text)); a != nil {
			t.Errorf("%q: %+v", text, a)
		}
	}
}

func TestEditUserFileOnUserFiles(t *testing.T) {
	for _, f := range userFiles {
		t.Run(f.Title, func(t *testing.T) {
			for _, l := range []Layout{standard, elsewhere} {
				checkEdit(t, []byte(f.Text), l)
			}
			got, err := editUserFile(f.Text, standard)
			if string(got) == f.Text != f.Ours && !f.Unread {
				t.Errorf("added: %v, want %v", !f.Ours, f.Ours)
			}
			if (err != nil) != f.Unread {
				t.Errorf("%v, refused: want %v", err, f.Unread)
			}
		})
	}
}

// checkEdit checks what holds for every file and needs no example.
func checkEdit(t *testing.T, text []byte, l Layout) {
	t.Helper()
	given := bytes.Clone(text)
	defer func() {
		if !bytes.Equal(given, text) {
			t.Errorf("the text given was changed: %q", text)
		}
	}()
	after, added, err := EditUserFile(text, l, true)
	if err != nil {
		if !bytes.HasPrefix(text, byteOrderMark) || after != nil {
			t.Errorf("%v, with %q", err, after)
		}
		return
	}
	line, isOurs := bytes.CutSuffix(after, text)
	if !isOurs {
		t.Fatalf("what was there is not there any more: %q", after)
	}
	if s := string(line); s != "" && s != l.IncludeLine()+"\n" && s != l.IncludeLine()+"\r\n" {
		t.Errorf("added %q", s)
	}
	if (added == nil) != (len(line) == 0) {
		t.Errorf("%+v for %q", added, line)
	}
	set := l.with(added)
	if back, _, err := EditUserFile(after, set, false); err != nil || !bytes.Equal(back, text) || back == nil {
		t.Errorf("taking it out does not give back the text: %q, %v", back, err)
	}
	if twice, again, err := EditUserFile(after, set, true); err != nil || !bytes.Equal(twice, after) || again != added {
		t.Errorf("a second time: %q, %+v, %v", twice, again, err)
	}
	// If another tool puts itself above, the line moves, and the other tool loses nothing.
	const other = "Include other\n"
	moved, _, err := EditUserFile(slices.Concat([]byte(other), after), set, true)
	if want := slices.Concat([]byte(l.IncludeLine()+"\n"+other), text); err != nil || (added != nil && !bytes.Equal(moved, want)) {
		t.Errorf("below another: %q, %v, want %q", moved, err, want)
	}
	// If setup knows that it added something to a file, the file loses at most one line.
	back, _, err := EditUserFile(text, l.with(&Added{}), false)
	if err != nil {
		t.Error(err)
	}
	lost := 0
	rest := back
	for line := range bytes.Lines(text) {
		if tail, ok := bytes.CutPrefix(rest, line); ok {
			rest = tail
			continue
		}
		lost++
		if s := strings.TrimRight(string(line), "\r\n"); s != l.IncludeLine() && s != "Include "+quote(l.ConfigFile()) {
			t.Errorf("lost what is not ours: %q", line)
		}
	}
	if lost > 1 || len(rest) > 0 {
		t.Errorf("%d lines lost, %q more: %q", lost, rest, back)
	}
}

func FuzzEditUserFile(f *testing.F) {
	for _, u := range userFiles {
		f.Add([]byte(u.Text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		checkEdit(t, text, standard)
		checkEdit(t, text, elsewhere)
	})
}
