#!/bin/sh
# The one test command: format, vet, staticcheck, shellcheck, the tests, and the other systems. As root on Debian it
# installs what it needs; elsewhere it says what is missing.
set -eu
unset CDPATH
cd "$(dirname "$0")/.."
. scripts/need.sh

need_go
need gcc build-essential # for the race detector
need git git
need ssh openssh-client
need sshd openssh-server
need plink putty-tools
need putty putty
need Xvfb xvfb
need xdotool xdotool
need wineserver wine
need x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64
need dbclient dropbear-bin
need rsync rsync
need ansible ansible-core
need sshfs sshfs
need fusermount3 fuse3
need busybox busybox
need perl perl
need curl curl
need node nodejs
need npm npm
need fish fish
need tcsh tcsh
need dash dash
need zsh zsh
need ksh ksh
need ps procps
need unshare util-linux
need useradd passwd
need patch patch
need microsocks microsocks
need tinyproxy tinyproxy
need man man-db
need jq jq
need setfacl acl
need dpkg dpkg
need shellcheck shellcheck
need_file /usr/share/bash-completion/bash_completion bash-completion
need_python_module paramiko python3-paramiko
need_library libssh.so.4 libssh-4

# With it, a test fails for want of something that it would be skipped for elsewhere. All programs are here by now; what needs
# root's rights, root alone can run.
if [ "$(id -u)" = 0 ]; then
	export CI="${CI:-true}"
fi

say() { printf '\n== %s\n' "$*"; }

say gofmt
unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
	echo "gofmt would change:" "$unformatted" >&2
	exit 1
fi
for system in linux darwin windows; do
	say "$system: vet and build"
	GOOS=$system CGO_ENABLED=0 go vet ./...
	for arch in amd64 arm64; do
		GOOS=$system GOARCH=$arch scripts/build.sh /dev/null
	done
done
say staticcheck
go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
say shellcheck
shellcheck -x install.sh scripts/*.sh .ci/run
say tests
# Go gives a package ten minutes unless told otherwise; a slow machine needs more. They are vetted already.
# The race detector, which costs half of the speed, looks at the packages that start goroutines, and at the program in its stories;
# the rest of the program's tests look at what other programs do with it.
concurrent=$(git grep -lE '^[[:space:]]*go [a-z]|\.Go\(func' -- '*.go' ':!*_test.go' | xargs -n1 dirname | sort -u | sed 's|^|clever-ssh/|')
others=$(go list ./... | grep -Fxv -e clever-ssh/cmd/clever-ssh -e "$concurrent")
# shellcheck disable=SC2086 # package paths hold no blanks
go test -race -vet=off -timeout 60m $concurrent
go test -race -vet=off -timeout 60m -run '^TestStories$' ./cmd/clever-ssh
# shellcheck disable=SC2086
go test -vet=off -timeout 60m -skip '^TestStories$' $others ./cmd/clever-ssh
go test -vet=off -run '^TestMemory$' ./bridge
say fuzz
# By number and not by time: Go sometimes takes the end of the time for a failure. Each package is built once.
fuzzing=$(mktemp -d)
trap 'rm -rf "$fuzzing"' EXIT
while IFS=: read -r folder target times; do
	program=$fuzzing/$(echo "$folder" | tr -c '[:alnum:]\n' _)
	[ -e "$program" ] || go test -c -vet=off -fuzz=Fuzz -o "$program" "$folder"
	(cd "$folder" && "$program" -test.run '^$' -test.fuzz "^$target\$" -test.fuzzcachedir "$fuzzing/corpus" -test.fuzztime "${times}x" \
		-test.fuzzminimizetime 5x -test.parallel 2 </dev/null)
done <<'EOT'
./proxycmd:FuzzIdentification:10000
./proxycmd:FuzzPacket:10000
./proxycmd:FuzzKexInit:10000
./proxycmd:FuzzReply:10000
./proxycmd:FuzzGroup:10000
./proxycmd:FuzzServer:1000
./proxycmd:FuzzStreams:5000
./proxycmd:FuzzConversation:5000
./bridge:FuzzEchoes:10000
./bridge:FuzzMarkers:10000
./bridge:FuzzCopyUntil:10000
./bridge:FuzzQuestion:5000
./bridge:FuzzRefusal:10000
./bridge:FuzzTerminalRequest:10000
./bridge:FuzzSessionRequests:10000
./bridge:FuzzDestination:10000
./bridge:FuzzConnected:10000
./bridge:FuzzExitReport:10000
./bridge:FuzzScript:5000
./cmd/clever-ssh/internal/login:FuzzTailBuffer:4000
./cmd/clever-ssh/internal/setup:FuzzAddArguments:10000
./config:FuzzParse:10000
./config:FuzzScan:10000
./config:FuzzApply:10000
./config:FuzzResolve:10000
./config:FuzzParseConsoleURL:10000
./config/clevertools:FuzzParse:10000
./config/handwritten:FuzzFind:10000
./config/sshconfig:FuzzEditUserFile:10000
./config/sshconfig:FuzzParseReading:10000
./config/sshconfig:FuzzParseDirect:10000
./internal/caller:FuzzParse:10000
./internal/caller:FuzzCommandLines:10
./internal/quote:FuzzLine:10000
./internal/sshline:FuzzParse:10000
EOT
say demo
scripts/demo.sh --check
