package survey

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/ui"
)

// instanceProbes returns the probes of what an instance has.
func instanceProbes() group {
	return group{title: "The instance", unless: (*survey).noShell, atOnce: true, members: []probe{
		{name: "system", expects: "Linux on x86_64, arm64", depends: "the outpost is built for these two; elsewhere the shell serves commands", see: seeSystem},
		{name: "user", expects: "bas", depends: "nothing", see: seeUser},
		{name: "shell of the session", see: seeLoginShell},
		{name: "/bin/sh", expects: "there", depends: "all of the bridge's scripts", see: seeBinSh},
		{name: "login files", expects: "end, in less than 2 s", depends: "each command reads them first; where they hang or exit, it runs without them", see: seeLoginFiles},
		{name: "environment", expects: "APP_ID, INSTANCE_ID", depends: "they show which application an instance belongs to", see: seeEnvironment},
		{name: "programs to run in", expects: "bash", depends: "commands run in it; where there is none, in /bin/sh", see: seePrograms("bash", "zsh fish tmux stty setsid script docker")},
		{name: "programs for tunnels", expects: "one of them", depends: "a tunnel through the shell needs bash, python3, perl, node, nc or socat; the outpost needs none",
			see: seePrograms("", "bash python3 perl node nc ncat socat")},
		{name: "programs for files", expects: "gzip, sha256sum", depends: "the outpost is sent compressed, and is checked; both can be done without", see: seePrograms("gzip sha256sum", "scp rsync tar base64 openssl shasum")},
		{name: "sftp-server", see: seeSFTPServer},
		{name: "journalctl", expects: "there", depends: "clever-ssh logs", see: seePrograms("journalctl", "")},
		{name: "programs may run in", expects: "some folder", depends: "the outpost; where there is none, the shell serves commands", see: seeFolders},
	}}
}

// answersOf runs a script that prints words of ours, one a line, and returns the expected words that it
// printed.
func (s *survey) answersOf(ctx context.Context, script string, words ...string) (found []string, err error) {
	out, err := s.conn.runScript(ctx, s.slot, script)
	for line := range strings.Lines(out) {
		if word := strings.TrimSpace(line); slices.Contains(words, word) && !slices.Contains(found, word) {
			found = append(found, word)
		}
	}
	return found, err
}

// has tests whether a shell has a program.
const has = "command -v %s >/dev/null 2>&1&&echo %s;"

// seePrograms looks for programs that are needed, and for others.
func seePrograms(needed, others string) func(context.Context, *survey) seen {
	return func(ctx context.Context, s *survey) seen {
		all := strings.Fields(needed + " " + others)
		script := ""
		for _, name := range all {
			script += fmt.Sprintf(has, name, name)
		}
		found, err := s.answersOf(ctx, script, all...)
		if err != nil {
			return unable(err)
		}
		enough := len(found) > 0
		for _, name := range strings.Fields(needed) {
			enough = enough && slices.Contains(found, name)
		}
		if len(found) == 0 {
			return judge(false, "none")
		}
		if len(all) == 1 {
			return judge(true, "there")
		}
		return judge(enough, "%s", strings.Join(found, ", "))
	}
}

// seeSystem asks for the system and the processor.
func seeSystem(ctx context.Context, s *survey) seen {
	systems, processors := []string{"Linux", "FreeBSD", "OpenBSD", "Darwin", "SunOS"}, []string{"x86_64", "aarch64", "amd64", "arm64", "armv7l", "i686", "riscv64"}
	found, err := s.answersOf(ctx, "uname -s;uname -m", slices.Concat(systems, processors)...)
	if err != nil {
		return unable(err)
	}
	if len(found) == 0 {
		return judge(false, "another")
	}
	return judge(len(found) == 2 && found[0] == "Linux" && slices.Contains([]string{"x86_64", "aarch64"}, found[1]), "%s", strings.Join(found, " on "))
}

// seeUser asks which user runs the commands.
func seeUser(ctx context.Context, s *survey) seen {
	found, err := s.answersOf(ctx, `case ${USER:-$(id -un)} in bas|root)echo "${USER:-$(id -un)}";;*)echo another;;esac`, "bas", "root", "another")
	if err != nil {
		return unable(err)
	}
	return judge(slices.Contains(found, "bas"), "%s", strings.Join(found, ", "))
}

// shells are the names of shells that the page may show.
var shells = strings.Fields("sh bash dash ash zsh fish csh tcsh ksh mksh ksh93 yash busybox nologin false rbash")

// baseName prints the last part of a path that a command prints.
const baseName = `b() { p=$1;echo "${p##*/}"; };`

// seeLoginShell asks which program reads the session's input: the parent of a shell that it starts.
func seeLoginShell(ctx context.Context, s *survey) seen {
	n, err := s.conn.openSession(ctx)
	if err != nil {
		return unable(err)
	}
	defer n.close()
	if err := n.exec(ctx, s.slot); err != nil {
		return unable(err)
	}
	m := newMark()
	n.send("/bin/sh -c '"+baseName+m.echo("")+`;b "$(readlink /proc/$PPID/exe)";b "$SHELL";`+m.echo("")+"'\n", true)
	err = n.await(ctx, func(out, _ []byte) bool { return strings.Count(string(out), m.String()) == 2 })
	out, _ := n.texts()
	_, out, _ = strings.Cut(out, m.String())
	out, _, found := strings.Cut(out, m.String())
	lines := strings.Fields(out)
	if err != nil || !found {
		return judge(false, "no answer")
	}
	reads, variable := "another", "$SHELL is not set"
	if len(lines) > 0 && slices.Contains(shells, lines[0]) {
		reads = lines[0]
	}
	if len(lines) > 1 {
		variable = "$SHELL is another"
		if slices.Contains(shells, lines[1]) {
			variable = "$SHELL is " + lines[1]
		}
	}
	return learn("%s; %s", reads, variable)
}

// seeBinSh asks which shell /bin/sh is.
func seeBinSh(ctx context.Context, s *survey) seen {
	found, err := s.answersOf(ctx, baseName+`b "$(readlink -f /bin/sh)"`, shells...)
	if err != nil {
		return unable(err)
	}
	if len(found) == 0 {
		return judge(true, "there, under another name")
	}
	return judge(true, "%s", found[0])
}

// seeLoginFiles makes a login shell read its files, as it does before each command.
func seeLoginFiles(ctx context.Context, s *survey) seen {
	m := newMark()
	sh, err := s.conn.begin(ctx, s.slot, `if command -v bash >/dev/null 2>&1;then bash -lc "`+strings.ReplaceAll(m.echo(""), `"`, `\"`)+`" </dev/null;else echo none;fi`, "")
	if err != nil {
		return unable(err)
	}
	defer sh.leave()
	begun := time.Now()
	if err := sh.awaitEnd(ctx); err != nil {
		return judge(false, "they do not end")
	}
	took := time.Since(begun)
	out, errs := sh.output()
	switch {
	case strings.HasPrefix(out, "none"):
		return skip("there is no bash")
	case !strings.Contains(out, m.String()):
		return judge(false, "they end the shell").with(out, errs)
	}
	said := yesNo(strings.TrimSpace(strings.ReplaceAll(out, m.String(), "")+errs) != "", ", and say something", "")
	return judge(took < 2*time.Second, "in %s%s", ui.Milliseconds(took), said).with(out, errs)
}

// seeEnvironment asks which of the platform's variables are set. Their values stay on the instance.
func seeEnvironment(ctx context.Context, s *survey) seen {
	names := []string{"APP_ID", "APP_HOME", "INSTANCE_ID", "INSTANCE_NUMBER", "INSTANCE_TYPE"}
	script := ""
	for _, name := range names {
		script += `[ "$` + name + `" ]&&echo ` + name + ";"
	}
	if !s.target.IsInstance() {
		script += `[ "$APP_ID" = ` + string(s.target) + ` ]||echo foreign;`
	}
	found, err := s.answersOf(ctx, script, append(names, "foreign")...)
	if err != nil {
		return unable(err)
	}
	foreign := slices.Contains(found, "foreign")
	found = slices.DeleteFunc(found, func(name string) bool { return name == "foreign" })
	switch {
	case len(found) == 0:
		return judge(false, "none of them is set")
	case foreign && slices.Contains(found, "APP_ID"):
		return judge(false, "APP_ID names another application")
	}
	return judge(slices.Contains(found, "APP_ID") && slices.Contains(found, "INSTANCE_ID"), "%s", strings.Join(found, ", "))
}

// seeSFTPServer looks for the server where the bridge does.
func seeSFTPServer(ctx context.Context, s *survey) seen {
	found, err := s.answersOf(ctx, `for s in `+bridge.SFTPServers+`;do [ -x "$s" ]&&echo there;done`, "there")
	if err != nil {
		return unable(err)
	}
	return learn("%s", yesNo(len(found) > 0, "there", "none"))
}

// seeFolders runs a tiny program in each folder that may hold the outpost. It removes each file at once,
// whatever happens.
func seeFolders(ctx context.Context, s *survey) seen {
	var words []string
	for i := range strings.Fields(bridge.OutpostFolders) {
		words = append(words, fmt.Sprintf("runs %d", i+1), fmt.Sprintf("noexec %d", i+1))
	}
	found, err := s.answersOf(ctx, `umask 077;i=0;t=;trap "rm -rf \"\$t\"" EXIT;trap "exit 1" HUP INT TERM;for d in `+bridge.OutpostFolders+`;do i=$((i+1));`+
		`case $d in /*);;*)continue;;esac;[ -d "$d" ]||continue;`+
		`t=$d/.clever-ssh-survey-$$;mkdir "$t" 2>/dev/null||continue;`+
		`printf "#!/bin/sh\nexit 0\n">"$t/run"&&chmod 700 "$t/run"&&if "$t/run" 2>/dev/null;then echo runs $i;else echo noexec $i;fi;`+
		`rm -rf "$t";done;t=`, words...)
	if err != nil {
		return unable(err)
	}
	var can, cannot []string
	for i, folder := range strings.Fields(bridge.OutpostFolders) {
		folder = strings.Replace(strings.Trim(folder, `"`), "$HOME", "~", 1)
		if slices.Contains(found, words[2*i]) {
			can = append(can, folder)
		} else if slices.Contains(found, words[2*i+1]) {
			cannot = append(cannot, folder)
		}
	}
	text := strings.Join(can, ", ")
	if len(can) == 0 {
		text = "none"
	}
	if len(cannot) > 0 {
		text += "; not in " + strings.Join(cannot, ", ")
	}
	return judge(len(can) > 0, "%s", text)
}
