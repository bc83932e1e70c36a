package clevertools

import "fmt"

// Secret is a text that no message shows. It stays hidden however it is printed, even as part of something else:
// package fmt prints an unexported field without calling its methods, and then finds only an address.
type Secret struct{ text *string }

// NewSecret returns a secret that holds a text.
func NewSecret(text string) Secret { return Secret{&text} }

const hidden = "(hidden)"

func (s Secret) String() string               { return hidden }
func (s Secret) GoString() string             { return hidden }
func (s Secret) Format(f fmt.State, _ rune)   { fmt.Fprint(f, hidden) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Reveal returns the text itself, for a request.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsEmpty reports whether there is nothing to hide.
func (s Secret) IsEmpty() bool { return s.Reveal() == "" }
