package bridge

import "testing"

func TestHarmless(t *testing.T) {
	for name, want := range map[string]bool{
		"LANG": true, "LC_ALL": true, "TZ": true, "FOO": true, "_X1": true, "COLORTERM": true, "NO_COLOR": true, "RAILS_ENV": true,
		"": false, "_": false, "1X": false, "foo": false, "A-B": false, "A=B": false, "Ä": false, "A B": false,
		"PATH": false, "IFS": false, "ENV": false, "BASH_ENV": false, "BASHOPTS": false, "SHELLOPTS": false, "LD_PRELOAD": false,
		"LD_LIBRARY_PATH": false, "PS4": false, "HOME": false, "SSH_AUTH_SOCK": false, "PYTHONPATH": false, "PERL5OPT": false,
		"NODE_OPTIONS": false, "GIT_SSH_COMMAND": false, "UID": false, "CDPATH": false, "PROMPT_COMMAND": false,
	} {
		if harmless(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}
