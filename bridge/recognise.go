package bridge

// Recognise says what a gateway means with what it sends before a shell is at work: a *QuestionError or a *RefusedError, or nil if it is
// neither. Silent says that nothing more comes: only then can a question in words that nobody knows be told from the beginning of a line.
func Recognise(stdout, stderr string, silent bool) error {
	if q := question(stdout, stderr, silent); q != nil {
		return q
	}
	for _, text := range []string{stderr, stdout} {
		if r := refusal(text); r != nil {
			return r
		}
	}
	return nil
}

// Listed are the instances that a text of the gateway's lists.
func Listed(text string) []Instance { return readList(text) }

// States are the words for an instance's state that are known.
func States() []string { return knownStates }
