package caller

import (
	"strings"

	"clever-ssh/internal/sshline"
)

// Option returns what the first -o with this keyword sets. Like ssh, it ignores the keyword's case and every later -o
// with the same keyword. The value is the first word without its quotes; for ProxyJump, and for keywords that end in
// "Command" such as RemoteCommand, it is the whole text.
func (line CommandLine) Option(keyword string) (value string, ok bool) {
	keyword = strings.ToLower(keyword)
	for _, flag := range line.Flags {
		if flag.Letter != 'o' {
			continue
		}
		if option, ok := sshline.Parse(flag.Value); ok && option.Keyword == keyword {
			if strings.HasSuffix(keyword, "command") || keyword == "proxyjump" {
				return option.Command(), true
			}
			return option.Argument(), true
		}
	}
	return "", false
}
