package caller

import (
	"strings"

	"clever-ssh/internal/sshline"
)

// Option returns what the first -o with this keyword sets; as ssh does, it ignores the keyword's case and every
// later -o with the same one. The value is the first word with its quotes removed, or, for ProxyJump and for keywords that
// end in "Command" such as RemoteCommand, all of the text.
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
