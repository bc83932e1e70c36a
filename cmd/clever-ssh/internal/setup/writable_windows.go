package setup

// checkWritable does nothing: here access lists say who can write, and ssh checks them itself.
func checkWritable(string) error { return nil }
