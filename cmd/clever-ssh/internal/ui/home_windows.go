package ui

// homeVariableCounts tells whether ssh looks at $HOME at all.
const homeVariableCounts = false
