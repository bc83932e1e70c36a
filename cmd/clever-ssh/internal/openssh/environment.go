package openssh

// Variables by which one clever-ssh tells another something, through the ssh that runs between them.
const (
	// AsideVariable tells proxy where the clever-ssh that started its ssh listens.
	AsideVariable = "CLEVER_SSH_ASIDE"
	// LookOnlyVariable tells whatever ssh starts while doctor looks around to change nothing.
	LookOnlyVariable = "CLEVER_SSH_LOOK_ONLY"
	// KnownHostsVariable tells proxy where ssh looks for the gateway's host key when there are no entries.
	KnownHostsVariable = "CLEVER_SSH_KNOWN_HOSTS"
)
