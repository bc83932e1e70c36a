package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// latin maps letters of Western European languages to plain ones. Package unicode has no decomposition.
var latin = [...]struct{ letters, plain string }{
	{"àáâãäå", "a"}, {"æ", "ae"}, {"ç", "c"}, {"ð", "d"}, {"èéêë", "e"}, {"ìíîï", "i"}, {"ñ", "n"}, {"òóôõöø", "o"},
	{"œ", "oe"}, {"ß", "ss"}, {"þ", "th"}, {"ùúûü", "u"}, {"ýÿ", "y"},
}

// MakeName makes a valid name from an application's name, which may be any text: "Café du Nord" becomes
// "cafe-du-nord". The name is empty if nothing in the text can go into one. Text that nobody can have typed is an
// error.
func MakeName(text string) (Name, error) {
	// Package json writes U+FFFD for bytes that are not UTF-8.
	if strings.ContainsFunc(text, unicode.IsControl) || strings.ContainsRune(text, utf8.RuneError) {
		return "", fmt.Errorf("%.64q contains control characters or is not valid UTF-8", text)
	}
	var b []byte
	for _, r := range text {
		r = unicode.ToLower(r)
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '.', r == '_':
			b = append(b, byte(r))
		case unicode.Is(unicode.Mn, r): // an accent separate from its letter, as macOS writes it
		default:
			in := func(l struct{ letters, plain string }) bool { return strings.ContainsRune(l.letters, r) }
			if i := slices.IndexFunc(latin[:], in); i >= 0 {
				b = append(b, latin[i].plain...)
			} else if len(b) > 0 && b[len(b)-1] != '-' {
				b = append(b, '-')
			}
		}
	}
	const edge = "-._"
	label := strings.Trim(string(b), edge)
	label = strings.TrimRight(label[:min(len(label), longestName)], edge)
	if n, err := ParseName(label); err == nil {
		return n, nil
	}
	// "app_back" looks like an id, and "web.run" like a run alias. With hyphens they do not. A UUID still does, and
	// would hide the instance with that id.
	n, _ := ParseName(strings.NewReplacer("_", "-", ".", "-").Replace(label))
	return n, nil
}
