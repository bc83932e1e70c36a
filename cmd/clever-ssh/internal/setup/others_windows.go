package setup

// warnOfOthers has nothing to say: who can write is a matter of access lists, which ssh looks at itself.
func warnOfOthers(string) {}
