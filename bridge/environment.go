package bridge

import (
	"slices"
	"strings"
)

// maxVariables is how many environment variables a client may set.
const maxVariables = 64

// maxValue is how long the value of one may be.
const maxValue = 1024

// acceptsVariable reports whether a client may set one more variable in an environment.
func acceptsVariable(environment []string, name, value string) bool {
	return harmless(name) && len(environment) < maxVariables && len(value) <= maxValue && !strings.Contains(value, "\x00")
}

// harmless reports whether a variable only changes what a program says and does by its own rules. It must not
// change which programs run, what they load, or whose they are. sshd, as Debian and others configure it,
// accepts only the language; a person who sets another variable for a host wants it there. Lower-case names
// belong to the scripts.
func harmless(name string) bool {
	if name == "" || name == "_" || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	for _, c := range []byte(name) {
		if c != '_' && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return !slices.Contains(ruling, name) && !slices.ContainsFunc(rulingPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// ruling lists the variables that shells, loaders and interpreters obey, or that say whose session it is. So do
// all variables that begin with one of rulingPrefixes.
var (
	ruling = strings.Fields("PATH IFS ENV CDPATH PS0 PS1 PS2 PS3 PS4 PROMPT_COMMAND GLOBIGNORE SHELLOPTS FPATH ZDOTDIR HISTFILE MAILPATH " +
		"UID EUID GID EGID PPID PWD OLDPWD HOME SHELL USER LOGNAME TERM TMPDIR MAIL EDITOR VISUAL PAGER BROWSER LESSOPEN LESSCLOSE " +
		"GCONV_PATH LOCPATH NLSPATH HOSTALIASES RESOLV_HOST_CONF RES_OPTIONS TERMINFO TERMINFO_DIRS TERMCAP CLASSPATH IBM_JAVA_OPTIONS")
	rulingPrefixes = strings.Fields("LD_ DYLD_ BASH GLIBC_ MALLOC_ SSH_ XDG_ GIT_ PYTHON PERL RUBY NODE_ NPM_ JAVA_ JDK_ _JAVA PHP_INI PHPRC DOTNET_ " +
		"GEM_ BUNDLE LUA TCL OPENSSL_ KRB5 SUDO_ DOCKER_")
)
