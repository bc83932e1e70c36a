package openssh

// Variables that one clever-ssh sets for another one, which it starts through ssh.
const (
	// AsideVariable tells proxy where the clever-ssh that started its ssh listens.
	AsideVariable = "CLEVER_SSH_ASIDE"
	// LookOnlyVariable tells everything that ssh starts for doctor to change nothing.
	LookOnlyVariable = "CLEVER_SSH_LOOK_ONLY"
	// KnownHostsVariable tells proxy where ssh looks for the gateway's host key when there are no entries.
	KnownHostsVariable = "CLEVER_SSH_KNOWN_HOSTS"
)
