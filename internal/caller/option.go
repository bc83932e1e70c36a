package caller

import "strings"

// Option returns what the first -o with this keyword sets; as ssh does, it ignores the keyword's case and every
// later -o with the same one. The value is the first word with its quotes removed, or, for keywords that end in
// "Command" such as RemoteCommand, all of the text.
func (line CommandLine) Option(keyword string) (value string, ok bool) {
	keyword = strings.ToLower(keyword)
	for _, flag := range line.Flags {
		if flag.Letter != 'o' {
			continue
		}
		if name, value := splitOption(flag.Value); name == keyword {
			if strings.HasSuffix(keyword, "command") {
				return strings.TrimLeft(value, whitespace+"="), true
			}
			return firstWord(value), true
		}
	}
	return "", false
}

const whitespace = " \t\r\n"

// splitOption splits the value of -o, a line of ssh_config(5), into its keyword, in lower case, and the text after it.
func splitOption(option string) (keyword, value string) {
	keyword, value = cutKeyword(strings.TrimRight(option, whitespace+"\f"))
	if keyword == "" { // Leading whitespace reads as an empty word.
		keyword, value = cutKeyword(value)
	}
	return strings.ToLower(keyword), value
}

// cutKeyword cuts text after its first word, which may be quoted. Whitespace, one =, or both separate it from the rest.
func cutKeyword(text string) (word, rest string) {
	end := strings.IndexAny(text, whitespace+`"=`)
	if end < 0 {
		return text, ""
	}
	word, rest = text[:end], text[end+1:]
	if text[end] == '"' {
		quoted, after, _ := strings.Cut(rest, `"`)
		return word + quoted, strings.TrimLeft(after, whitespace)
	}
	rest = strings.TrimLeft(rest, whitespace)
	if text[end] != '=' && strings.HasPrefix(rest, "=") {
		rest = strings.TrimLeft(rest[1:], whitespace)
	}
	return word, rest
}

// firstWord returns the first word of a value, with quotes, backslashes and a comment removed as OpenSSH 8.7 and later
// do. Older versions know nothing but double quotes, and end the word at a = too.
func firstWord(value string) string {
	var word []byte
	var quote byte
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && i+1 < len(value) && (strings.IndexByte(`'"\`, value[i+1]) >= 0 || quote == 0 && value[i+1] == ' '):
			i++
			word = append(word, value[i])
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == ' ' || c == '\t' || c == '#' && i == 0):
			return string(word)
		default:
			word = append(word, c)
		}
	}
	return string(word)
}
