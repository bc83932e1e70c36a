//go:build unix

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"clever-ssh/config"
	"clever-ssh/internal/test"
	"clever-ssh/internal/test/api"
	"clever-ssh/internal/test/gateway"

	"github.com/urfave/cli/v2"
	"golang.org/x/crypto/ssh"
)

// These tests check README.md and the other pages against the program: commands, messages,
// settings, links. The language of a fenced block says what it holds:
//
//	sh, bash, zsh, fish, powershell   commands, one a line, which are run as a reader would type them
//	console                           a transcript: commands after "$ ", and what they print
//	toml                              settings
//	text                              anything else
//
// docs/libraries.md holds programs, and has a test of its own.

// pages returns the pages for readers, by their paths in the repository.
func pages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../docs/*.md")
	must(t, err)
	more, err := filepath.Glob("../../*.md")
	must(t, err)
	list := map[string]string{}
	for _, file := range append(files, more...) {
		list[strings.TrimPrefix(file, "../../")] = contentOf(t, file)
	}
	if len(list) < 10 {
		t.Fatalf("there are %d pages", len(list))
	}
	return list
}

// pageBlock is a fenced block of a page.
type pageBlock struct {
	page, language string
	line           int // of the page
	text           string
}

// blocksOf lists the fenced blocks of a page.
func blocksOf(page, text string) (list []pageBlock) {
	inside := false
	for i, line := range strings.SplitAfter(text, "\n") {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && !inside:
			list = append(list, pageBlock{page: page, language: strings.TrimSpace(language), line: i + 1})
			inside = true
		case fence:
			inside = false
		case inside:
			list[len(list)-1].text += line
		}
	}
	return list
}

// Each command in the pages works as written, or at least names a program and options that exist.
// Each transcript shows what its commands print.
func TestPages(t *testing.T) {
	needPrograms(t)
	t.Parallel()
	commands := 0
	for page, text := range pages(t) {
		if page == "docs/libraries.md" {
			continue
		}
		for _, code := range codeOf(text) {
			switch program, _, _ := strings.Cut(code, " "); program {
			case "clever-ssh", "sudo", "tar":
				checkWords(t, page, strings.Split(code, " && ")[0])
			}
		}
		var blocks []pageBlock
		for _, b := range blocksOf(page, text) {
			switch b.language {
			case "sh", "bash", "zsh", "fish", "powershell":
				blocks = append(blocks, b)
				commands += strings.Count(b.text, "\n")
			case "console":
				t.Run(page+" transcript", func(t *testing.T) {
					t.Parallel()
					replayTranscript(t, b)
				})
			case "toml":
				checkSettings(t, b.text)
			case "text":
			default:
				t.Errorf("%s:%d: no one knows what a block of %q is", page, b.line, b.language)
			}
		}
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			runCommands(t, page, blocks)
		})
	}
	if commands < 70 {
		t.Errorf("the pages have %d commands", commands)
	}
}

var codeSpan = regexp.MustCompile("`([^`\n]+)`")

// codeOf lists the text between single backticks in a page.
func codeOf(text string) (list []string) {
	for _, m := range codeSpan.FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}

// pageHome makes a home with everything that a page mentions: names, keys, files on both sides, and
// a login of clever-tools. adapt replaces the examples in a line with what exists here.
func pageHome(t *testing.T, page string) (h *home, adapt func(string) string) {
	t.Helper()
	h, g, far := programHome(t)
	listening := "2222"
	key, public := contentOf(t, h.path("id")), ssh.MarshalAuthorizedKey(h.key)
	for _, name := range []string{"id", "id_ed25519", "id_clever"} {
		must(t, os.WriteFile(h.path(name), []byte(key), 0o600), os.WriteFile(h.path(name+".pub"), public, 0o600))
	}
	for _, name := range []string{"dump.sql", "file", "fixtures/one", "keys/id.ppk"} {
		file := filepath.Join(h.dir, name)
		must(t, os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, make([]byte, 12<<10), 0o600))
	}
	const there = `mkdir bin storage && echo ERROR >app.log && echo 'echo "$@"' >bin/journalctl && chmod +x bin/journalctl && echo PATH=$HOME/bin:$PATH >.bash_profile`
	switch page {
	case "docs/usage.md":
		runs(t, h.command("clever-ssh", "exec", "web.clever", there))
	case "docs/instances.md":
		runs(t, h.command("clever-ssh", "exec", "--all", "pair.clever", there))
	case "docs/listen.md":
		listening = startListening(t, h, "clever-ssh listen")
	case "docs/putty.md":
		if _, err := exec.LookPath("puttygen"); err == nil {
			runs(t, h.command("puttygen", h.path("id"), "-O", "private", "-o", filepath.Join(h.dir, "keys/id.ppk")))
		}
	}
	a := &api.API{Login: api.TestLogin, User: api.Owner{ID: "user_1", Applications: []api.Application{{ID: appPair, Name: "Café du Nord"}}}}
	a.Start()
	t.Cleanup(a.Close)
	bin := filepath.Join(h.dir, "bin")
	must(t, os.Mkdir(bin, 0o700),
		// The parts of clever-tools that the pages use. The real one needs a person and a browser.
		os.WriteFile(filepath.Join(bin, "clever"), []byte("#!/bin/sh\ncase \"$*\" in login) ;; \"ssh-keys add $3 $4\") test -r \"$4\" ;; *) exit 2 ;; esac\n"), 0o700))
	h.env = append(h.env, "CLEVER_TOKEN="+a.Login.Token, "CLEVER_SECRET="+a.Login.Secret, "API_HOST="+a.URL(),
		"PATH="+bin+":"+os.Getenv("PATH"))
	return h, func(line string) string {
		line = strings.NewReplacer("ssh@gw.example.com:2222", "ssh@"+g.Addr(), "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", pinOf(g, 0)+" --pin "+pinOf(g, 1),
			"all.web.clever", "all.pair.clever", ".clever:/tmp/", ".clever:"+far+"/", "/home/bas/", "/").Replace(line)
		return strings.ReplaceAll(line, "2222", listening)
	}
}

// asTyped makes a shell's programs use the home: ssh itself reads only the account's configuration.
// It also answers their questions.
const asTyped = `
scp() { command scp -S ssh "$@"; }
sftp() { echo pwd | command sftp -S ssh -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile="$HOME/.ssh/known_hosts" "$@"; }
curl() { command curl -sS "$@"; }
ssh-keygen() { command ssh-keygen -q -N '' -f "$HOME/new" "$@"; }
plink() { echo exit | command plink -batch -i keys/id.ppk "$@"; }
psftp() { echo pwd | command psftp "$@"; }
`

// runCommands runs the lines of a page's blocks, one after another in one home.
func runCommands(t *testing.T, page string, blocks []pageBlock) {
	var typed []pageBlock // a line each
	for _, b := range blocks {
		for line := range strings.Lines(b.text) {
			b.text = strings.TrimPrefix(strings.TrimSpace(line), `.\`)
			checkWords(t, page, b.text)
			if !checkOnly(b) {
				typed = append(typed, b)
			}
			b.line++
		}
	}
	if len(typed) == 0 {
		return
	}
	h, adapt := pageHome(t, page)
	for _, b := range typed {
		if err := typeLine(t, h, adapt, b); err != nil {
			t.Errorf("%s:%d: %s: %v", page, b.line+1, b.text, err)
		}
	}
}

// typeLine runs one line of a page.
func typeLine(t *testing.T, h *home, adapt func(string) string, b pageBlock) error {
	t.Helper()
	line, command := b.text, adapt(b.text)
	shell, before := "bash", asTyped
	switch b.language {
	case "zsh":
		shell, before = "zsh", "autoload -Uz compinit && compinit -u -D\n"
	case "fish":
		shell, before = "fish", ""
	}
	program, _, _ := strings.Cut(line, " ")
	if test.Lacks(t, line, programsOf(shell, line)...) {
		return nil
	}
	cmd := h.command(shell, "-c", before+command)
	cmd.Stdin = strings.NewReader("exit\r")
	switch {
	case program == "ssh" && needsMore(line):
		cmd = h.command(shell, "-c", "ssh -G"+strings.TrimPrefix(line, "ssh"))
	case strings.Contains(line, " -L "):
		tunnelOpens(t, h, line)
		return nil
	case strings.HasPrefix(line, "clever-ssh listen"):
		startListening(t, h, line)
		return nil
	case (strings.HasPrefix(line, "clever-ssh setup") || strings.HasPrefix(line, "clever-ssh remove")) && b.page != "README.md":
		// As in home.setup, it finds no ssh to ask: asking takes long.
		cmd.Env = append(cmd.Env, "PATH="+aloneOnPath(t))
	}
	out, err := cmd.CombinedOutput()
	if program == "clever-ssh" && strings.Contains(line, "doctor") { // it may find something wrong with this machine
		err = nil
		if !strings.Contains(string(out), "ok    login ") {
			err = errors.New("no login")
		}
	}
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, out)
	}
	return err
}

// programsOf lists the programs that a line needs, here or on the instance.
func programsOf(shell, line string) []string {
	programs := []string{shell}
	switch program, _, _ := strings.Cut(line, " "); program {
	case "clever", "eval", "source": // a stand-in, and the shell's own
	case "scp", "sftp", "psftp", "sshfs", "curl":
		programs = append(programs, program, "sftp-server")
	default:
		programs = append(programs, program)
	}
	if strings.Contains(line, "| jq") {
		programs = append(programs, "jq")
	}
	if strings.HasSuffix(line, " uptime") {
		programs = append(programs, "uptime")
	}
	return programs
}

// aloneOnPath makes a folder with clever-ssh and nothing else.
func aloneOnPath(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("clever-ssh")
	must(t, err)
	folder := t.TempDir()
	must(t, os.Symlink(program, filepath.Join(folder, "clever-ssh")))
	return folder
}

// checkOnly reports whether a command is checked but not run, because it is not for this machine, it is
// PowerShell's own, or another test runs it: TestRelease installs archives and packages, TestNewAccount
// a checkout, TestCheck runs the demo, and TestManual runs man. doctor takes long, and runs once.
func checkOnly(b pageBlock) bool {
	program, _, _ := strings.Cut(b.text, " ")
	return strings.HasPrefix(b.text, "clever-ssh doctor") && b.page != "README.md" || b.language == "powershell" && program != "clever-ssh" || slices.Contains([]string{"sudo", "man", "sha256sum", "shasum", "tar", "go", "git", "sh", "putty"}, program) || strings.Contains(program, "/")
}

// needsMore reports whether an ssh needs an outpost, a screen, or a host that does not exist.
func needsMore(line string) bool {
	return regexp.MustCompile(` -[RAtD] | -p 2222 `).MatchString(line)
}

// checkWords checks that what a command names exists: files, packages, tests, and the options of
// clever-ssh.
func checkWords(t *testing.T, page, line string) {
	t.Helper()
	words := strings.Fields(line)
	exists := func(path string) {
		t.Helper()
		if _, err := os.Stat(filepath.Join("../..", path)); err != nil {
			t.Errorf("%s: %s: %v", page, line, err)
		}
	}
	switch program := words[0]; {
	case program == "clever-ssh":
		checkOptions(t, page, line, words[1:])
	case program == "sudo" || program == "tar":
		last := words[len(words)-1]
		named := regexp.MustCompile(`^(\./clever-ssh_1\.2\.3_amd64\.deb|\./clever-ssh-1\.2\.3-1\.x86_64\.rpm|clever-ssh_1\.2\.3_(linux_amd64|darwin_arm64)\.tar\.gz|clever-ssh)$`)
		if !named.MatchString(last) {
			t.Errorf("%s: %s: no release has %s", page, line, last)
		}
	case program == "go" && words[1] == "test" && words[2] == "-run":
		name, _, _ := strings.Cut(strings.Trim(words[3], "'"), "/")
		files, _ := filepath.Glob(filepath.Join("../..", words[4], "*_test.go"))
		if !slices.ContainsFunc(files, func(f string) bool { return strings.Contains(contentOf(t, f), "func "+name+"(") }) {
			t.Errorf("%s: %s: there is no such test", page, line)
		}
	case program == "go":
		if path := words[len(words)-1]; path != "./..." {
			exists(path)
		}
	case program == "sh":
		exists(words[1])
	case strings.HasPrefix(program, "clever-ssh_1.2.3_") && strings.HasSuffix(program, "/install.sh"):
		exists("install.sh")
	case strings.Contains(program, "/"):
		exists(program)
		for _, option := range words[1:] {
			if !strings.Contains(contentOf(t, filepath.Join("../..", program)), option) {
				t.Errorf("%s: %s knows no %s", page, program, option)
			}
		}
	}
}

// checkOptions checks that clever-ssh has the command and the options that follow its name.
func checkOptions(t *testing.T, page, line string, words []string) {
	t.Helper()
	if len(words) == 0 || strings.HasPrefix(words[0], "--") || strings.ToUpper(words[0]) == words[0] {
		return
	}
	app := newApp()
	c := app.Command(words[0])
	if c == nil {
		t.Errorf("%s: %s: there is no command %s", page, line, words[0])
		return
	}
	for _, word := range words[1:] {
		if word == "--" || word == "|" {
			break
		}
		name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
		known := func(f cli.Flag) bool { return slices.Contains(f.Names(), name) }
		if strings.HasPrefix(word, "-") && name != "help" && !slices.ContainsFunc(c.Flags, known) {
			t.Errorf("%s: %s: there is no option %s", page, line, word)
		}
	}
}

var nearPort = regexp.MustCompile(`-L (\d+):`)

// tunnelOpens runs an ssh that opens a tunnel until the tunnel's near end accepts a connection.
func tunnelOpens(t *testing.T, h *home, line string) {
	t.Helper()
	address := freeAddress(t)
	cmd := h.command("bash", "-c", "exec "+nearPort.ReplaceAllString(line, "-L "+address+":"))
	must(t, cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()
	test.Eventually(t, line+" opens its port", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// startListening starts clever-ssh listen on a free port, and returns the port.
func startListening(t *testing.T, h *home, line string) (port string) {
	t.Helper()
	listener := start(t, h.command("bash", "-c", "exec "+line+" --port 0"))
	return strings.Fields(listener.expect(t, `sftp -P \d+ \S+@127\.0\.0\.1`))[2]
}

// typedThere matches the prompt in a transcript before what a person types on the instance.
var typedThere = regexp.MustCompile(`^bas@\S+ ~ \$ `)

// replayTranscript runs the commands of a transcript in a terminal, and compares what they print
// with it.
func replayTranscript(t *testing.T, b pageBlock) {
	h := testHome(t)
	g := startGateway(t, h)
	h.setup(t, g, "--putty", "no")
	must(t, os.WriteFile(filepath.Join(h.dir, "dump.sql"), make([]byte, 12<<10), 0o600))
	for _, part := range strings.Split("\n"+b.text, "\n$ ")[1:] {
		command, want, _ := strings.Cut(strings.TrimSuffix(part, "\n")+"\n", "\n")
		if strings.Contains(command, " -L ") {
			tunnelOpens(t, h, command)
			continue
		}
		if test.Lacks(t, command, programsOf("bash", command)...) {
			continue
		}
		term := start(t, h.command("bash", "-c", asTyped+command))
		for line := range strings.Lines(want) {
			if p := typedThere.FindString(line); p != "" {
				term.expect(t, regexp.QuoteMeta(p))
				term.send(t, strings.TrimPrefix(line, p))
			}
		}
		status := term.status(t)
		if got := screenOf(term, g); status != 0 || got != copiedLine.ReplaceAllString(want, "$1 100%") {
			t.Errorf("%s: %s: exit status %d, and it shows\n%s\nnot\n%s", b.page, command, status, got, want)
		}
	}
}

// copiedLine matches the line about a copied file, whose end differs each time.
var copiedLine = regexp.MustCompile(`(?m)^(dump\.sql) +100%.*$`)

// screenOf returns what a terminal has shown, with the real gateway's address, as in the pages.
func screenOf(term *terminal, g *gateway.Gateway) string {
	host, _, _ := net.SplitHostPort(g.Addr())
	text := strings.NewReplacer("\r", "", "\x1b[?2004h", "", "\x1b[?2004l", "", "Connection to "+host+" ", "Connection to "+config.Default().Gateways[0].Address.Host+" ").Replace(term.screen.String())
	if last := strings.LastIndex(text, "dump.sql"); last >= 0 { // what came before was overwritten
		text = text[last:]
	}
	return copiedLine.ReplaceAllString(text, "$1 100%")
}

// checkSettings fails unless the program can read the settings.
func checkSettings(t *testing.T, text string) {
	t.Helper()
	if _, err := config.Parse("settings", []byte(text)); err != nil {
		t.Error(err)
	}
}
