package main

// asideVariable tells proxy where the clever-ssh that started its ssh listens.
const asideVariable = "CLEVER_SSH_ASIDE"

// lookOnlyVariable tells what ssh starts for the doctor's sake that it is to change nothing.
const lookOnlyVariable = "CLEVER_SSH_LOOK_ONLY"

// knownHostsVariable tells proxy where ssh looks for the gateway's host key when there are no entries.
const knownHostsVariable = "CLEVER_SSH_KNOWN_HOSTS"
