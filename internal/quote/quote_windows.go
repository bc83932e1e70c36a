package quote

// Arg returns an argument for the shell that people use on this system.
func Arg(arg string) string { return Windows(arg) }
