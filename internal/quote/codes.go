package quote

import "clever-ssh/internal/pattern"

// codes matches what a line editor prints between the characters that it shows: colours, titles, movements of the
// cursor, and backspaces. A carriage return is not among them: it may end a line.
var codes = pattern.New(`\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|\x08`)

// WithoutCodes returns text without its control sequences for a terminal. The result is not safe to show: it may
// still hold bytes that a terminal obeys.
func WithoutCodes(text string) string { return codes().ReplaceAllString(text, "") }

// Codes returns where the control sequences for a terminal begin and end in a text.
func Codes(text string) [][]int { return codes().FindAllStringIndex(text, -1) }
