#!/bin/sh
# Shows clever-ssh at work on this machine alone: a stand-in gateway, a throw-away home, the real ssh.
#
#   scripts/demo.sh           a command, a file, a tunnel, then a shell: leave it with exit
#   scripts/demo.sh --check   runs unattended, and exits with 0 only if all of it worked
#   scripts/demo.sh --deploy  shows a deployment, and where commands go while it runs
set -eu
case $#:${1-} in
0: | 1:--check | 1:--deploy) ;;
1:-h | 1:--help)
	sed -n '2,6s/^# \{0,1\}//p' "$0"
	exit
	;;
*)
	echo "demo.sh: the only options are --check and --deploy; see scripts/demo.sh --help" >&2
	exit 2
	;;
esac
unset CDPATH
cd "$(dirname "$0")/.."
. scripts/need.sh

need ssh openssh-client
need bash bash

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
need_go "$work"
echo "demo.sh: building clever-ssh" >&2
scripts/build.sh "$work/clever-ssh"
CGO_ENABLED=0 go build -trimpath -o "$work/demo" ./cmd/demo
# Everything that the demo makes is in there, too, and is removed with it.
TMPDIR=$work "$work/demo" "$@" "$work/clever-ssh"
