//go:build race

package bridge

// raceDetector reports whether the race detector is on, which takes several times the memory.
const raceDetector = true
