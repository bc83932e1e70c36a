package main

// privateFolder is none: the ssh of Windows shares no connections.
func privateFolder(string) string { return "" }
