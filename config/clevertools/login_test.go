package clevertools

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func unsetLogin(t *testing.T) {
	unset(t)
	for _, name := range []string{"CLEVER_API_TOKEN", "API_HOST", "AUTH_BRIDGE_HOST", "OAUTH_CONSUMER_KEY", "OAUTH_CONSUMER_SECRET"} {
		t.Setenv(name, "") // so that it is restored after the test
		os.Unsetenv(name)
	}
}

const envToken, envSecret = "env-token", "env-secret"

func TestFindLogin(t *testing.T) {
	env := map[string]string{"CLEVER_TOKEN": envToken, "CLEVER_SECRET": envSecret}
	with := func(more ...string) map[string]string {
		all := map[string]string{}
		for name, value := range env {
			all[name] = value
		}
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return all
	}
	only := func(more ...string) map[string]string {
		all := with(more...)
		delete(all, "CLEVER_TOKEN")
		delete(all, "CLEVER_SECRET")
		return all
	}
	overrides := func(list string) string { return profiles(`,"email":"a@b","overrides":{` + list + `}`) }
	for _, test := range []struct {
		about string
		env   map[string]string
		file  string
		want  string // token secret consumer-key consumer-secret api-token URL foreign; FILE stands for the path
		err   string
	}{
		{about: "nothing", err: "not logged in"},
		{about: "environment", env: env, file: profiles(""), want: "env-token env-secret T5nF MgVM - https://api.clever-cloud.com $CLEVER_TOKEN"},
		{about: "environment, whatever the profile overrides", env: env, file: overrides(`"API_HOST":"https://api.example"`),
			want: "env-token env-secret T5nF MgVM - https://api.clever-cloud.com $CLEVER_TOKEN"},
		{about: "half of it", env: only("CLEVER_TOKEN", "x"), file: profiles(""), want: `TOKEN-1 SECRET-1 T5nF MgVM - https://api.clever-cloud.com profile "acme" in FILE`},
		{about: "the active profile", file: profiles(""), want: `TOKEN-1 SECRET-1 T5nF MgVM - https://api.clever-cloud.com profile "acme" in FILE`},
		{about: "an older file", file: `{"token":"old","secret":"older"}`, want: "old older T5nF MgVM - https://api.clever-cloud.com FILE"},
		{about: "logged out", file: `{"token":null,"secret":null}`, err: "not logged in"},
		{about: "no profiles", file: `{"version":1,"profiles":[]}`, err: "not logged in"},
		{about: "no profiles, but a token", file: `{"version":1,"profiles":[],"token":"x","secret":"y"}`, err: "not logged in"},
		{about: "a version to come", file: strings.Replace(profiles(""), "1", "2", 1), err: "not logged in"},
		{about: "an API token", env: only("CLEVER_API_TOKEN", "api"), want: "- - - - api https://api-bridge.clever-cloud.com $CLEVER_API_TOKEN"},
		{about: "a profile before an API token", env: only("CLEVER_API_TOKEN", "api"), file: profiles(""),
			want: `TOKEN-1 SECRET-1 T5nF MgVM - https://api.clever-cloud.com profile "acme" in FILE`},
		{about: "its host", env: only("CLEVER_API_TOKEN", "api", "AUTH_BRIDGE_HOST", "https://bridge2.clever-cloud.com", "API_HOST", "https://evil.example"),
			want: "- - - - api https://bridge2.clever-cloud.com $CLEVER_API_TOKEN"},
		{about: "overrides", file: overrides(`"API_HOST":"https://API.example:8443/","OAUTH_CONSUMER_KEY":"ck","OAUTH_CONSUMER_SECRET":"cs"`),
			want: `TOKEN-1 SECRET-1 ck cs - https://api.example:8443 foreign profile "acme" in FILE`},
		{about: "environment before overrides", env: only("API_HOST", "http://localhost:8080", "OAUTH_CONSUMER_KEY", "ek"), file: overrides(`"API_HOST":"https://api.example","OAUTH_CONSUMER_KEY":"ck"`),
			want: `TOKEN-1 SECRET-1 ek MgVM - http://localhost:8080 profile "acme" in FILE`},
		{about: "loopback", env: with("API_HOST", "http://[::1]:8080"), want: "env-token env-secret T5nF MgVM - http://[::1]:8080 $CLEVER_TOKEN"},
		{about: "another of Clever Cloud's", env: with("API_HOST", "https://api2.clever-cloud.com"), want: "env-token env-secret T5nF MgVM - https://api2.clever-cloud.com $CLEVER_TOKEN"},

		{about: "a host that the environment alone names", env: with("API_HOST", "https://evil.example"), err: `$API_HOST is set to "evil.example", which is not Clever Cloud's`},
		{about: "even with a profile", env: only("API_HOST", "https://evil.example"), file: overrides(`"API_HOST":"https://api.example"`), err: "evil.example"},
		{about: "a customer's host", env: with("API_HOST", "https://bucket.services.clever-cloud.com"), err: "not Clever Cloud's"},
		{about: "a host that begins as Clever Cloud's does", env: with("API_HOST", "https://api.clever-cloud.com.evil.example"), err: "not Clever Cloud's"},
		{about: "a host that ends as it does", env: with("API_HOST", "https://evilclever-cloud.com"), err: "not Clever Cloud's"},
		{about: "a host that resembles loopback", env: with("API_HOST", "http://127.0.0.1.evil.example"), err: "must begin with https://"},
		{about: "without encryption", env: with("API_HOST", "http://api.clever-cloud.com"), err: "$API_HOST must begin with https://"},
		{about: "without encryption, by the profile", file: overrides(`"API_HOST":"http://api.example"`), err: "API_HOST in the clever-tools profile must begin with https://"},
		{about: "a password", env: with("API_HOST", "https://me:PASSWORD@api.clever-cloud.com"), err: "is not an API address"},
		{about: "a path", env: with("API_HOST", "https://api.clever-cloud.com/x"), err: "is not an API address"},
		{about: "no URL", env: with("API_HOST", "://\x1b"), err: "is not an API address"},
		{about: "no host", env: with("API_HOST", "api.clever-cloud.com"), err: "is not an API address"},
		{about: "a header in a token", env: with("CLEVER_TOKEN", "x\r\nHost: evil"), err: "the token in $CLEVER_TOKEN contains"},
		{about: "no JSON", file: `{"SECRET-1`, err: "does not contain clever-tools profiles"},
		{about: "other types", file: `{"version":1,"profiles":[{"token":["SECRET-1"]}]}`, err: "does not contain clever-tools profiles"},
		{about: "twice", file: `{"token":"a","token":"SECRET-1","secret":"b"}`, err: "does not contain clever-tools profiles"},
	} {
		t.Run(test.about, func(t *testing.T) {
			unsetLogin(t)
			folder := t.TempDir()
			file := filepath.Join(folder, "clever-tools.json")
			if test.file != "" {
				write(t, file, test.file)
			}
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			l, err := FindLogin(folder)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) || strings.ContainsAny(err.Error(), "\x1b\r\n") || strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "PASSWORD") {
					t.Errorf("%v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			words := []string{}
			for _, s := range []Secret{l.Token, l.TokenSecret, l.ConsumerKey, l.ConsumerSecret, l.APIToken} {
				text := s.Reveal()
				if text == "" {
					text = "-"
				}
				if text == consumerKey || text == consumerSecret {
					text = text[:4]
				}
				words = append(words, text)
			}
			words = append(words, l.API.String())
			if l.Foreign {
				words = append(words, "foreign")
			}
			got := strings.Join(append(words, l.Source), " ")
			if want := strings.ReplaceAll(test.want, "FILE", file); got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
			if fromFile := strings.HasSuffix(test.want, "FILE"); fromFile != (l.File == file) {
				t.Errorf("the file is %q", l.File)
			}
		})
	}
}

func TestFindLoginElsewhere(t *testing.T) {
	unsetLogin(t)
	folder, file := t.TempDir(), filepath.Join(t.TempDir(), "my.json")
	write(t, filepath.Join(folder, "clever-tools.json"), profiles(""))
	t.Setenv("CONFIGURATION_FILE", file)
	if _, err := FindLogin(folder); !errors.Is(err, ErrNoLogin) {
		t.Error(err)
	}
	write(t, file, `{"token":"t","secret":"s"}`)
	if l, err := FindLogin(folder); err != nil || l.File != file {
		t.Errorf("%+v, %v", l, err)
	}
}

// Whatever clever-tools.json holds, an error shows nothing of it, and nothing that is printed shows a token.
func FuzzFindLogin(f *testing.F) {
	f.Add(profiles(acme))
	f.Add(`{"token":"TOKEN-1","secret":"SECRET-1"}`)
	f.Add(`{"version":1,"profiles":[{"token":"TOKEN-1","secret":"SECRET-1","overrides":{"API_HOST":"http://SECRET-1@x"}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseProfile([]byte(text))
		shown := fmt.Sprintf("%v %+v %#v", p.token, p, p.secret)
		if err == nil {
			api, foreign, errAPI := chooseAPI("CLEVER_SSH_NO_SUCH_VARIABLE", p.api, defaultAPI)
			switch {
			case errAPI != nil:
				shown += errAPI.Error()
			case api.Scheme != "https" && !isLoopback(api.Hostname()), foreign != (!isClever(api.Hostname()) && !isLoopback(api.Hostname())), api.User != nil:
				t.Errorf("%v, foreign %v", api, foreign)
			}
		}
		list, errList := json.Marshal([]Secret{p.token, p.secret})
		shown += string(list)
		for _, s := range []Secret{p.token, p.secret} {
			if secret := s.Reveal(); len(secret) > 5 && errList == nil && strings.Contains(secret, "SECRET") && strings.Contains(shown, secret) && !strings.Contains(p.api+p.gateway+p.alias+p.email+p.bridge, secret) {
				t.Errorf("%q is shown: %s", secret, shown)
			}
		}
	})
}
