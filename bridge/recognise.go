package bridge

// Recognise returns what a gateway's messages mean before a shell is running: a *QuestionError or a
// *RefusedError, or nil if they are neither. silent means that nothing more comes: only then can a question in
// unknown words be told from the beginning of a line.
func Recognise(stdout, stderr string, silent bool) error {
	if q := question(stdout, stderr, silent); q != nil {
		return q
	}
	if r := refusalOn(stdout, stderr); r != nil {
		return r
	}
	return nil
}

// Listed returns the instances that a text of the gateway's lists.
func Listed(text string) []Instance { return readList(text) }

// States returns the known words for an instance's state.
func States() []string { return knownStates }
