package ui

// homeVariableCounts is whether ssh looks at $HOME at all.
const homeVariableCounts = false
