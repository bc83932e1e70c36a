package quote

import "testing"

func TestShells(t *testing.T) {
	for _, c := range []struct{ arg, posix, cmd string }{
		{"web.clever", "web.clever", "web.clever"},
		{"", "''", `""`},
		{"/opt/clever-ssh proxy web.clever", "'/opt/clever-ssh proxy web.clever'", `"/opt/clever-ssh proxy web.clever"`},
		{"it's", `'it'\''s'`, `"it's"`},
		{"$HOME `id`; a&b|c<d>e", "'$HOME `id`; a&b|c<d>e'", "\"$HOME `id`; a&b|c<d>e\""},
		{"/été/clé", "/été/clé", "/été/clé"},
		{`C:\tools\PROGRA~1`, `'C:\tools\PROGRA~1'`, `C:\tools\PROGRA~1`},
		{`"C:/a&b (c)/100%%/clever-ssh.exe" proxy web.clever`, `'"C:/a&b (c)/100%%/clever-ssh.exe" proxy web.clever'`,
			`^"\^"C:/a^&b ^(c^)/100^%^%/clever-ssh.exe\^" proxy web.clever^"`},
	} {
		if got := POSIX(c.arg); got != c.posix {
			t.Errorf("for a POSIX shell, %s is %s, want %s", c.arg, got, c.posix)
		}
		if got := Windows(c.arg); got != c.cmd {
			t.Errorf("for cmd.exe, %s is %s, want %s", c.arg, got, c.cmd)
		}
	}
}

func TestArgs(t *testing.T) {
	words := []string{"setup", "web=app_x", "=ls", "a b", ""}
	want := "setup web=app_x " + Arg("=ls") + " " + Arg("a b") + " " + Arg("")
	if got := Args(words); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
