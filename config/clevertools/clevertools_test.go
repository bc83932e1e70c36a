package clevertools

import (
	"path/filepath"
	"strings"
	"testing"
)

// profiles returns a clever-tools.json with these active overrides.
func profiles(overrides string) string {
	return `{"version":1,"profiles":[
		{"alias":"acme","token":"TOKEN-1","secret":"SECRET-1"` + overrides + `},
		{"alias":"default","token":"TOKEN-2","secret":"SECRET-2","overrides":{"SSH_GATEWAY":"ssh@second.example"}}]}`
}

const acme = `,"overrides":{"API_HOST":"https://api.example","SSH_GATEWAY":"ssh@gateway.example:2222"}`

func TestGateway(t *testing.T) {
	for _, test := range []struct {
		about   string
		env     map[string]string
		file    string // not written if empty
		address string
		source  string // FILE stands for the path
	}{
		{about: "no file"},
		{about: "environment", env: map[string]string{"SSH_GATEWAY": "me@other"}, address: "me@other", source: "$SSH_GATEWAY"},
		{about: "environment before the file", env: map[string]string{"SSH_GATEWAY": "me@other"}, file: "{",
			address: "me@other", source: "$SSH_GATEWAY"},
		{about: "the active profile", file: profiles(acme), address: "ssh@gateway.example:2222", source: `profile "acme" in FILE`},
		{about: "an empty variable", env: map[string]string{"SSH_GATEWAY": ""}, file: profiles(acme),
			address: "ssh@gateway.example:2222", source: `profile "acme" in FILE`},
		{about: "raw, but the profile's name is quoted", file: `{"version":1,"profiles":[{"alias":"\u001b","overrides":{"SSH_GATEWAY":"a b\n"}}]}`,
			address: "a b\n", source: `profile "\x1b" in FILE`},
		{about: "no overrides", file: profiles("")},
		{about: "other overrides", file: profiles(`,"overrides":{"API_HOST":"https://api.example"}`)},
		{about: "another case", file: profiles(`,"overrides":{"ssh_gateway":"x"},"OVERRIDES":{"SSH_GATEWAY":"x"}`)},
		{about: "null", file: profiles(`,"overrides":null`)},
		{about: "no profiles", file: `{"version":1,"profiles":[]}`},
		{about: "an older file", file: `{"token":"TOKEN-1","secret":"SECRET-1"}`},
		{about: "a version to come", file: strings.Replace(profiles(acme), "1", "2", 1)},
		{about: "credentials in the environment", env: map[string]string{"CLEVER_TOKEN": "t", "CLEVER_SECRET": ""}, file: profiles(acme)},
		{about: "half of them", env: map[string]string{"CLEVER_TOKEN": "t"}, file: profiles(acme),
			address: "ssh@gateway.example:2222", source: `profile "acme" in FILE`},
	} {
		t.Run(test.about, func(t *testing.T) {
			unset(t)
			folder := t.TempDir()
			file := filepath.Join(folder, "clever-tools.json")
			if test.file != "" {
				write(t, file, test.file)
			}
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			address, source, err := Gateway(folder)
			want := strings.ReplaceAll(test.source, "FILE", file)
			if err != nil || address != test.address || source != want {
				t.Errorf("%q, %q, %v; want %q, %q", address, source, err, test.address, want)
			}
		})
	}
}

func TestGatewayElsewhere(t *testing.T) {
	unset(t)
	folder, file := t.TempDir(), filepath.Join(t.TempDir(), "my.json")
	write(t, filepath.Join(folder, "clever-tools.json"), profiles(`,"overrides":{"SSH_GATEWAY":"wrong"}`))
	t.Setenv("CONFIGURATION_FILE", file)
	if address, source, err := Gateway(folder); address != "" || source != "" || err != nil {
		t.Errorf("an absent $CONFIGURATION_FILE: %q, %q, %v", address, source, err)
	}
	write(t, file, profiles(acme))
	if address, source, err := Gateway(folder); address != "ssh@gateway.example:2222" || !strings.Contains(source, file) || err != nil {
		t.Errorf("$CONFIGURATION_FILE: %q, %q, %v", address, source, err)
	}
}

// The errors name the file, and show nothing in it.
func TestGatewayRefuses(t *testing.T) {
	unset(t)
	for _, text := range []string{
		"SECRET-1", `{"token":"SECRET-1`, profiles(acme) + "SECRET-1", `"SECRET-1"`, "[]", "null",
		`{"SECRET-1":1`, `{"version":"SECRET-1"}`, `{"version":1,"profiles":"SECRET-1"}`,
		`{"version":1,"profiles":["SECRET-1"]}`, `{"version":1,"profiles":[{"alias":1234567}]}`,
		profiles(`,"overrides":"SECRET-1"`), profiles(`,"overrides":{"SSH_GATEWAY":["SECRET-1"]}`),
		profiles(acme + acme), strings.Repeat("1234567", maxFile/7+1), "\n",
		`{"version":1234567e999}`,
	} {
		folder := t.TempDir()
		file := write(t, filepath.Join(folder, "clever-tools.json"), text)
		address, source, err := Gateway(folder)
		if err == nil || address != "" || source != "" {
			t.Errorf("%.100q: %q, %q, %v; want an error", text, address, source, err)
			continue
		}
		rest, named := strings.CutPrefix(strings.ReplaceAll(err.Error(), file, "FILE"), "FILE does not contain")
		if !named && !strings.HasPrefix(rest, "reading FILE: ") {
			t.Errorf("%.100q: %v: does not name the file", text, err)
		}
		for _, inside := range []string{"SECRET", "TOKEN", "1234567"} {
			if strings.Contains(rest, inside) {
				t.Errorf("%.100q: %v: shows what the file holds", text, err)
			}
		}
	}
}
