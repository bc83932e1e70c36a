package sshconfig

import (
	"testing"
)

func TestUnixProgram(t *testing.T) {
	for _, c := range []struct{ title, path, proxy string }{
		{"nothing to quote", "/usr/local/bin/clever-ssh", "/usr/local/bin/clever-ssh"},
		{"signs that no shell knows", "/opt/a_b.c,d:e+f@g/clever-ssh", "/opt/a_b.c,d:e+f@g/clever-ssh"},
		{"space", "/my programs/clever-ssh", "'/my programs/clever-ssh'"},
		{"non-ASCII", "/logiciels/clé/clever-ssh", "'/logiciels/clé/clever-ssh'"},
		{"percent", "/100%/clever-ssh", "'/100%%/clever-ssh'"},
		{"two percents", "/%%h/clever-ssh", "'/%%%%h/clever-ssh'"},
		{"ampersand", "/a&b/clever-ssh", "'/a&b/clever-ssh'"},
		{"semicolon", "/a;b/clever-ssh", "'/a;b/clever-ssh'"},
		{"dollar", "/$HOME/${x}/$(id)/clever-ssh", "'/$HOME/${x}/$(id)/clever-ssh'"},
		{"backtick", "/`id`/clever-ssh", "'/`id`/clever-ssh'"},
		{"brackets", "/(a)[b]{c,d}/clever-ssh", "'/(a)[b]{c,d}/clever-ssh'"},
		{"wildcards", "/*?/clever-ssh", "'/*?/clever-ssh'"},
		{"tilde", "/~/clever-ssh", "'/~/clever-ssh'"},
		{"number sign", "/#1/clever-ssh", "'/#1/clever-ssh'"},
		{"equals sign", "/a=b/clever-ssh", "'/a=b/clever-ssh'"},
		{"redirections", "/a<b>c|d/clever-ssh", "'/a<b>c|d/clever-ssh'"},
		{"circumflex", "/^a/clever-ssh", "'/^a/clever-ssh'"},
	} {
		got, err := UnixProgram(c.path)
		if want := (Program{Proxy: c.proxy, Match: "exec " + c.proxy, PuTTY: c.proxy}); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", c.title, got, err, want)
		}
	}
	for _, c := range []struct{ title, path string }{
		{"single quote", "/it's/clever-ssh"},
		{"double quote", `/a"b/clever-ssh`},
		{"backslash", `/a\b/clever-ssh`},
		{"exclamation mark", "/a!b/clever-ssh"},
		{"newline", "/a\nProxyCommand x/clever-ssh"},
		{"carriage return", "/a\rb/clever-ssh"},
		{"tab", "/a\tb/clever-ssh"},
		{"NUL", "/a\x00b/clever-ssh"},
		{"escape", "/a\x1bb/clever-ssh"},
		{"delete", "/a\x7fb/clever-ssh"},
	} {
		if got, err := UnixProgram(c.path); err == nil || got != (Program{}) {
			t.Errorf("%s: %+v, %v", c.title, got, err)
		}
	}
}

func TestWindowsProgram(t *testing.T) {
	for _, c := range []struct{ title, path, short, proxy, match, putty string }{
		{"nothing to quote", `C:\tools\clever-ssh.exe`, `C:\tools\CLEVER~1.EXE`, `"C:/tools/clever-ssh.exe"`, "C:/tools/clever-ssh.exe", "C:/tools/clever-ssh.exe"},
		{"space", `C:\Program Files\clever-ssh.exe`, `C:\PROGRA~1\CLEVER~1.EXE`, `"C:/Program Files/clever-ssh.exe"`, "C:/PROGRA~1/CLEVER~1.EXE", "C:/PROGRA~1/CLEVER~1.EXE"},
		{"space, and no short path", `C:\Program Files\clever-ssh.exe`, "", `"C:/Program Files/clever-ssh.exe"`, "", `"C:/Program Files/clever-ssh.exe"`},
		{"a short path that is not short", `D:\my tools\clever-ssh.exe`, `D:\my tools\clever-ssh.exe`, `"D:/my tools/clever-ssh.exe"`, "", `"D:/my tools/clever-ssh.exe"`},
		{"non-ASCII", `C:\Users\Zoé\clever-ssh.exe`, `C:\Users\ZO~1\CLEVER~1.EXE`, `"C:/Users/Zoé/clever-ssh.exe"`, "C:/Users/ZO~1/CLEVER~1.EXE", "C:/Users/ZO~1/CLEVER~1.EXE"},
		{"percent", `C:\100%\clever-ssh.exe`, `C:\100%\CLEVER~1.EXE`, `"C:/100%%/clever-ssh.exe"`, "", `"C:/100%%/clever-ssh.exe"`},
		{"single quote", `C:\it's\clever-ssh.exe`, "", `"C:/it's/clever-ssh.exe"`, "", `"C:/it's/clever-ssh.exe"`},
		{"signs of cmd.exe", `C:\a&b(c);d!^\clever-ssh.exe`, "", `"C:/a&b(c);d!^/clever-ssh.exe"`, "", `"C:/a&b(c);d!^/clever-ssh.exe"`},
		{"comma", `C:\a,b\clever-ssh.exe`, `C:\A_B~1\CLEVER~1.EXE`, `"C:/a,b/clever-ssh.exe"`, "C:/A_B~1/CLEVER~1.EXE", "C:/A_B~1/CLEVER~1.EXE"},
		{"a share", `\\server\tools\clever-ssh.exe`, "", `"//server/tools/clever-ssh.exe"`, "", `"//server/tools/clever-ssh.exe"`},
	} {
		got, err := WindowsProgram(c.path, c.short)
		if want := (Program{Proxy: c.proxy, Match: c.match, PuTTY: c.putty}); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", c.title, got, err, want)
		}
	}
	for _, c := range []struct{ title, path string }{
		{"double quote", `C:\a"b\clever-ssh.exe`},
		{"dollar", `C:\$HOME\clever-ssh.exe`},
		{"backtick", "C:\\`id`\\clever-ssh.exe"},
		{"newline", "C:\\a\nb\\clever-ssh.exe"},
		{"tab", "C:\\a\tb\\clever-ssh.exe"},
	} {
		if got, err := WindowsProgram(c.path, ""); err == nil || got != (Program{}) {
			t.Errorf("%s: %+v, %v", c.title, got, err)
		}
	}
}
