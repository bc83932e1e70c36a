#!/bin/sh
# The one test command: format, vet, staticcheck, shellcheck, the tests, and the other systems. As root on Debian it
# installs what it needs; elsewhere it says what is missing.
set -eu
unset CDPATH
cd "$(dirname "$0")/.."
. scripts/need.sh

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
need journalctl systemd
need unshare util-linux
need useradd passwd
need patch patch
need microsocks microsocks
need tinyproxy tinyproxy
need man man-db
need jq jq
need setfacl acl
need dpkg dpkg
need psql postgresql-client
need pg_createcluster postgresql
need redis-server redis-server
need redis-cli redis-tools
need shellcheck shellcheck
need_file /usr/share/bash-completion/bash_completion bash-completion
need_file /etc/services netbase
need_python_module paramiko python3-paramiko
need_python_module fabric python3-fabric
need_python_module asyncssh python3-asyncssh
need javac default-jdk-headless
need_file /usr/share/java/jsch.jar libjsch-java
need_library libssh.so.4 libssh-4
# Whatever $TMPDIR is, the tests use a folder with a short path, because sockets need one. Other accounts can use it too.
work=$(mktemp -d /tmp/t-XXXXXX)
trap 'rm -rf "$work"' EXIT
chmod 1777 "$work"
need_go "$work"

# With CI set, a test that lacks something fails instead of being skipped. All programs are here by now, but
# only root can run what needs root's rights.
if [ "$(id -u)" = 0 ]; then
	export CI="${CI:-true}"
fi

export CLEVER_SSH_TESTS=all # the long ones too

say() { printf '\n== %s\n' "$*"; }

say gofmt
unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
	echo "gofmt would change:" "$unformatted" >&2
	exit 1
fi
export TMPDIR="$work" OUTPOSTS="$work/outposts" # the second for all programs that are built here
# Everything is compiled as it is for a release. So each step can use what an earlier one has compiled, also in
# another checkout.
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS-} -trimpath -tags=urfave_cli_no_docs -ldflags=-s"
mkdir "$OUTPOSTS"
say outposts
go run ./scripts/outposts "$OUTPOSTS"
for system in linux darwin windows; do
	say "$system: vet and build"
	GOOS=$system go vet ./...
	GOOS=$system GOARCH=arm64 scripts/build.sh /dev/null # for amd64, vet has compiled it
done
say staticcheck
go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
say actionlint
go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
say shellcheck
shellcheck -x install.sh scripts/*.sh .ci/run

# Packages that do several things at once are tested with the race detector only. It slows a test down, and adds
# 0.3 s to each start of a program. So the tests named in $alone run without it: they start a program for each row
# of a table, and what runs at once there also runs in other tests.
concurrent='./internal/test/gateway ./internal/test/hangup ./internal/test/hostile ./cmd/clever-ssh/internal/login'
concurrent="$concurrent ./cmd/clever-ssh/internal/line ./cmd/clever-ssh/internal/survey ./outpost/... ./cmd/clever-ssh/internal/openssh ./cmd/clever-ssh/internal/doctor"
partly='./bridge ./proxycmd ./internal/atomicfile'
of_bridge='SSHCommand|SSHWithoutStdin|SSHShell|Files$|Git|PuTTY|Paramiko|Ansible|SSHFS|Shells|CommandLikeOption|CommandAsWithoutBridge|TerminalShells|Memory'
of_proxycmd='Attack|Controls|Methods|RSAHostKey|Conversations|Recorded|.*OutOfTurn'
of_atomicfile='Killed|Faults'
alone="^Test($of_bridge|$of_proxycmd|$of_atomicfile)"
# The stories in which the program does several things at once.
busy='^TestStories$/^(commands|first-connection|outpost)$'
# A program carries outposts only if it is built with the overlay. What goes through the bridge is tested with and
# without them.
outposts='^Test(OutpostHashes|OneLine|Line.*|TunnelOutlivesLine|SilentConnection|OneInstanceIsSilent|PlantedOutpost|BusyBoxAlone|NoPlaceForOutpost)$'
bridged='^Test(CommandsAtOnce|CommandsShare|RemoveAllEndsConnections|NothingLeftAside|BetweenInstances|InstancesOfSSHD|PlinkOfInstances)$|^TestDoctor$/^(a_command|a_run_alias|several_instances|an_instance_by_its_number|an_instance_that_there_is_not)$'
export GORACE=atexit_sleep_ms=0 # or each program that such a test starts takes a second to end
# shellcheck disable=SC2086 # package paths hold no blanks
others=$({ go list ./... && go list $concurrent $partly; } | sort | uniq -u | grep -v '/cmd/clever-ssh$' | paste -sd ' ' -)

# A step is "test" or "race" and arguments of go test, or "fuzz", a folder, and TARGET:INPUTS for each target there.
# Not a time instead of a number of inputs: Go sometimes reports the end of the time as a failure.
cat >"$work/step" <<'EOT'
set -eu
kind=$1
shift
# Everything is vetted by now. A slow machine needs more than Go's limit of ten minutes for a package.
case $kind in
test) exec go test -vet=off -timeout 60m "$@" ;;
race) CGO_ENABLED=1 exec go test -vet=off -timeout 60m -race "$@" ;; # it is written in C
esac
folder=$1
shift
binary=$(mktemp "$TMPDIR/fuzz-XXXXXX")
# As go test -fuzz does it, but for our own packages only: the branches to find are theirs, and the other packages
# are compiled already.
go test -vet=off -c -gcflags=clever-ssh/...=-d=libfuzzer -o "$binary" "./$folder"
cd "$folder"
for target in "$@"; do
	if ! "$binary" -test.run '^$' -test.fuzz "^${target%:*}\$" -test.fuzztime "${target#*:}x" -test.fuzzminimizetime 5x -test.parallel 1 \
		-test.fuzzcachedir "$binary.found" </dev/null >"$binary.out" 2>&1 || grep -q 'without coverage guidance' "$binary.out"; then
		cat "$binary.out"
		echo "FAIL	$folder	${target%:*}"
		exit 1
	fi
	echo "ok  	$folder	${target%:*}"
done
EOT
say tests
# Tests mostly wait, so more of them run at once than there are processors. The longest steps are first.
xargs -P 3 -L 1 sh "$work/step" <<EOT
test ./cmd/clever-ssh
race -skip $alone $partly $concurrent
test -p 1 $others
test -run $alone $partly
race -overlay $OUTPOSTS/overlay.json -run $busy ./cmd/clever-ssh
test -overlay $OUTPOSTS/overlay.json -run $outposts|$bridged ./cmd/clever-ssh
fuzz proxycmd FuzzIdentification:3000 FuzzPacket:3000 FuzzKexInit:3000 FuzzReply:3000 FuzzGroup:3000 FuzzServer:1000 FuzzStreams:2000 FuzzConversation:1000
fuzz bridge FuzzEchoes:3000 FuzzMarkers:3000 FuzzCopyUntil:3000 FuzzQuestion:1000 FuzzRefusal:3000 FuzzTerminalRequest:3000 FuzzSessionRequests:3000 FuzzDestination:3000 FuzzConnected:3000 FuzzExitReport:3000 FuzzScript:1000 FuzzOutpostJob:3000 FuzzOpening:3000
fuzz outpost FuzzServe:1000
fuzz outpost/sftp FuzzServer:1000
fuzz outpost/wire FuzzFrames:3000 FuzzMessages:3000
fuzz cmd/clever-ssh/internal/database FuzzFind:3000
fuzz cmd/clever-ssh/internal/login FuzzTailBuffer:1000
fuzz cmd/clever-ssh/internal/setup FuzzAddArguments:3000
fuzz config FuzzParse:3000 FuzzScan:3000 FuzzApply:3000 FuzzResolve:3000 FuzzParseConsoleURL:3000 FuzzParseAccount:3000 FuzzNameAccount:3000
fuzz config/clevertools FuzzParse:3000 FuzzFindLogin:3000
fuzz config/handwritten FuzzFind:3000
fuzz config/sshconfig FuzzEditUserFile:3000 FuzzParseReading:3000 FuzzParseDirect:3000
fuzz internal/caller FuzzParse:3000 FuzzCommandLines:3
fuzz internal/cleverapi FuzzSummary:3000
fuzz internal/quote FuzzLine:3000
fuzz internal/sshline FuzzParse:3000
EOT
