package sshconfig

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"clever-ssh/internal/test"

	"github.com/google/go-cmp/cmp"
	"github.com/kevinburke/ssh_config"
)

// Programs that read ssh_config through a library must go on as before.

// keywords are those that such programs ask for, and that the entries set.
var keywords = []string{
	"HostName", "User", "Port", "ProxyCommand", "ProxyJump", "HostKeyAlias", "IdentityFile", "IdentitiesOnly", "RemoteCommand", "RequestTTY", "UserKnownHostsFile",
	"StrictHostKeyChecking", "HostKeyAlgorithms", "ForwardAgent", "ControlPath", "ServerAliveInterval", "PreferredAuthentications", "Include",
}

// kevinburkeAnswers is what github.com/kevinburke/ssh_config finds in a user's file, by host and keyword.
func kevinburkeAnswers(t *testing.T, text string, hosts []string) (map[string][]string, error) {
	t.Helper()
	c, err := ssh_config.Decode(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	answers := map[string][]string{}
	for _, host := range hosts {
		for _, k := range keywords {
			list, err := c.GetAll(host, k)
			if err != nil {
				t.Fatal(err)
			}
			first, err := c.Get(host, k)
			if err != nil || (len(list) > 0 && first != list[0]) {
				t.Fatalf("%s %s: %q is not the first of %q: %v", host, k, first, list, err)
			}
			answers[host+" "+k] = list
		}
	}
	return answers, nil
}

func TestKevinburkeReadsOn(t *testing.T) {
	for _, f := range userFiles {
		if f.Unread {
			continue
		}
		for _, layout := range []struct {
			title string
			new   func(t *testing.T) Layout
		}{
			// Nothing is written there: this library looks for the account's home as ssh does.
			{"standard", func(*testing.T) Layout { return standard }},
			{"elsewhere", func(t *testing.T) Layout {
				l := newLayout(t, "")
				write(t, l.DirectFile(), string(formatDirect(numbered("x", 3, 0, noon))))
				return l
			}},
		} {
			t.Run(f.Title+"/"+layout.title, func(t *testing.T) {
				text := place(t, f)
				before, errBefore := kevinburkeAnswers(t, text, foreignHosts)
				l := layout.new(t)
				if !l.Standard {
					setup(t, parse(t, twoGateways), l, text)
				}
				added, err := editUserFile(text, l)
				if err != nil {
					t.Fatal(err)
				}
				after, errAfter := kevinburkeAnswers(t, string(added), foreignHosts)
				if (errBefore == nil) != (errAfter == nil) {
					t.Fatalf("before: %v, after: %v", errBefore, errAfter)
				}
				if diff := cmp.Diff(before, after); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// For the names, it finds what a program needs to reach the gateway.
func TestKevinburkeFindsNames(t *testing.T) {
	l := newLayout(t, "")
	setup(t, parse(t, twoGateways), l, "Host *\n    User me\n")
	added, err := editUserFile("Host *\n    User me\n", l)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ssh_config.DecodeBytes(added)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct{ host, keyword, value string }{
		{"web.clever", "User", "ssh"},
		{"web.clever", "RemoteCommand", string(webTarget)},
		{"web.clever", "ProxyCommand", "/opt/bin/clever-ssh proxy --ssh clever"},
		{"web.clever", "UserKnownHostsFile", l.KnownHosts()},
		{"staging", "Port", "2222"},
		{"staging", "RemoteCommand", "none"},
	} {
		if got, err := c.Get(want.host, want.keyword); err != nil || got != want.value {
			t.Errorf("%s %s: %q, %v, want %q", want.host, want.keyword, got, err, want.value)
		}
	}
}

// paramikoScript reads files and hosts as JSON, and prints for each file what paramiko finds in it, or why it refuses
// it. One Python handles all of them, because it starts slowly.
const paramikoScript = `
import json, sys, paramiko
def lookup(config, host):
    try:
        return config.lookup(host)
    except Exception as e:
        return {"said": repr(e)}
given = json.load(sys.stdin)
found = []
for file in given["files"]:
    try:
        config = paramiko.SSHConfig.from_path(file)
        found.append({"hosts": {host: lookup(config, host) for host in given["hosts"]}})
    except Exception as e:
        found.append({"said": repr(e)})
json.dump(found, sys.stdout)
`

type paramikoAnswer struct {
	Hosts map[string]map[string]any
	Said  string
}

// paramikoAnswers asks about all texts. It skips the test if no Python has the library.
func paramikoAnswers(t *testing.T, texts, hosts []string) []paramikoAnswer {
	t.Helper()
	test.Slow(t)
	var files []string
	dir := tempDir(t)
	for i, text := range texts {
		files = append(files, filepath.Join(dir, strconv.Itoa(i)))
		write(t, files[i], text)
	}
	given, err := json.Marshal(map[string][]string{"files": files, "hosts": hosts})
	if err != nil {
		t.Fatal(err)
	}
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import paramiko").Run() != nil {
			continue
		}
		cmd := exec.Command(python, "-c", paramikoScript)
		cmd.Stdin = bytes.NewReader(given)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var answers []paramikoAnswer
		if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(texts) {
			t.Fatalf("%d answers to %d texts: %v", len(answers), len(texts), err)
		}
		return answers
	}
	test.Missing(t, "paramiko")
	return nil
}

func TestParamikoReadsOn(t *testing.T) {
	c := parse(t, twoGateways)
	var titles, texts []string // each text is followed by the same with our line, and with the entries in its place
	for _, f := range userFiles {
		if f.Unread {
			continue
		}
		text := place(t, f)
		l := newLayout(t, "")
		added, err := editUserFile(text, l)
		if err != nil {
			t.Fatal(err)
		}
		titles = append(titles, f.Title)
		// A program that follows an Include itself continues after it as ssh does, for all hosts.
		texts = append(texts, text, string(added), string(Config(c, l))+"\nHost *\n"+text)
	}
	answers := paramikoAnswers(t, texts, foreignHosts)
	for i, title := range titles {
		variants := answers[3*i : 3*i+3]
		// It does not know Include, and returns the line like any other keyword's.
		for _, a := range variants {
			for _, host := range a.Hosts {
				delete(host, "include")
			}
		}
		for _, after := range variants[1:] {
			if diff := cmp.Diff(variants[0], after); diff != "" {
				t.Errorf("%s:\n%s", title, diff)
			}
		}
	}
}

// Such a program finds what the entries say.
func TestParamikoReadsTheEntries(t *testing.T) {
	a := paramikoAnswers(t, []string{string(Config(parse(t, twoGateways), standard))}, []string{"web.clever", "example.com"})[0]
	if a.Said != "" {
		t.Fatal(a.Said)
	}
	for host, want := range map[string]string{"web.clever": "sshgateway-clevercloud-customers.services.clever-cloud.com", "example.com": "example.com"} {
		if got := a.Hosts[host]["hostname"]; got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}
