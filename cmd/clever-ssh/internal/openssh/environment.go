package openssh

// AsideVariable tells proxy where the clever-ssh that started its ssh listens.
const AsideVariable = "CLEVER_SSH_ASIDE"

// LookOnlyVariable tells what ssh starts for the doctor's sake that it is to change nothing.
const LookOnlyVariable = "CLEVER_SSH_LOOK_ONLY"

// KnownHostsVariable tells proxy where ssh looks for the gateway's host key when there are no entries.
const KnownHostsVariable = "CLEVER_SSH_KNOWN_HOSTS"
