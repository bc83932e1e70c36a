//go:build race

package bridge

// raceDetector takes several times the memory.
const raceDetector = true
