package doctor

// accessIsSeen is whether accessProblem sees anything.
const accessIsSeen = false

// accessProblem has nothing to say: who has access is a matter of access lists, of which ssh itself complains.
func accessProblem(string, bool) (group bool, err error) { return false, nil }

// writeProblem cannot tell.
func writeProblem(string) error { return nil }

// othersCanRead cannot tell.
func othersCanRead(string) bool { return false }

// shellCounts is whether ssh runs what it starts with $SHELL.
const shellCounts = false
