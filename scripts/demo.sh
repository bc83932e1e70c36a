#!/bin/sh
# Shows clever-ssh at work on this machine alone: a fake gateway, a throw-away home, the real ssh.
#
#   scripts/demo.sh           opens `ssh app_demo.clever`; leave it with exit
#   scripts/demo.sh --check   needs nobody, and exits with 0 only if the prompt came
set -eu
unset CDPATH
cd "$(dirname "$0")/.."
. scripts/need.sh

need_go
need ssh openssh-client
need bash bash

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
CGO_ENABLED=0 go build -trimpath -tags urfave_cli_no_docs -o "$work/clever-ssh" ./cmd/clever-ssh
CGO_ENABLED=0 go build -trimpath -o "$work/demo" ./cmd/demo
# Whatever the demo makes is in there, too, and leaves with it.
TMPDIR=$work "$work/demo" "$@" "$work/clever-ssh"
