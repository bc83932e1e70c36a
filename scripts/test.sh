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
export TMPDIR="$work" OUTPOSTS="$work/outposts" # OUTPOSTS for all programs that are built here
mkdir "$OUTPOSTS"
say outposts
go run ./scripts/outposts "$OUTPOSTS"
for system in linux darwin windows; do
	say "$system: vet and build"
	GOOS=$system CGO_ENABLED=0 go vet ./...
	for arch in amd64 arm64; do
		GOOS=$system GOARCH=$arch scripts/build.sh /dev/null
	done
done
say staticcheck
go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
say actionlint
go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
say shellcheck
shellcheck -x install.sh scripts/*.sh .ci/run
# The code is already vetted. By default Go gives a package ten minutes; a slow machine needs more.
tested() { go test -vet=off -timeout 60m "$@"; }

# Packages that do several things at once are tested with the race detector, and not without it; it would only
# slow down the others. A program with the detector takes 0.3 s to start and to greet, so tests that start one
# for each row of a table, or do one thing after another with different words, run without it: what runs at
# once in them is always the same, and the other tests cover it.
concurrent='./internal/pattern ./internal/test/gateway ./internal/test/hangup ./internal/test/hostile ./cmd/clever-ssh/internal/login
	./cmd/clever-ssh/internal/line ./outpost/... ./cmd/clever-ssh/internal/openssh ./cmd/clever-ssh/internal/doctor'
partly='./bridge ./proxycmd ./internal/atomicfile'
of_bridge='SSHCommand|SSHWithoutStdin|SSHShell|Files$|Git|PuTTY|Paramiko|Ansible|SSHFS|Shells|CommandLikeOption|CommandAsWithoutBridge|TerminalShells|Memory'
of_proxycmd='Attack|Controls|Methods|RSAHostKey|Conversations|Recorded|.*OutOfTurn'
of_atomicfile='Killed|Faults'
alone="^Test($of_bridge|$of_proxycmd|$of_atomicfile)"
# The stories in which the program does several things at once.
busy='^TestStories$/^(commands|first-connection|outpost)$'
export GORACE=atexit_sleep_ms=0 # otherwise each program that such a test starts takes a second to end
say tests with the race detector
# shellcheck disable=SC2086 # package paths hold no blanks
tested -race -skip "$alone" $partly $concurrent
# The program under test carries outposts only if it is built with the overlay. What goes through the bridge is
# tested both ways.
tested -race -overlay "$OUTPOSTS/overlay.json" -run "$busy" ./cmd/clever-ssh
outposts='^Test(OneLine|Line.*|TunnelOutlivesLine|SilentConnection|PlantedOutpost|BusyBoxAlone|NoPlaceForOutpost)$'
bridged='^Test(CommandsAtOnce|CommandsShare|RemoveAllEndsConnections|NothingLeftAside|BetweenInstances|InstancesOfSSHD|PlinkOfInstances)$|^TestDoctor$/^(a_command|a_run_alias|several_instances|an_instance_by_its_number|an_instance_that_there_is_not)$'
say tests
# One call for all of them, so that one package runs while another waits.
# shellcheck disable=SC2046,SC2086
tested -p 3 $({ go list ./... && go list $concurrent $partly; } | sort | uniq -u)
# shellcheck disable=SC2086
tested -run "$alone" $partly
tested -overlay "$OUTPOSTS/overlay.json" -run "$outposts|$bridged" ./cmd/clever-ssh
say fuzz
# fuzz FOLDER TARGET:NUMBER ...: builds one binary for each package. It counts inputs, not time, because Go sometimes
# takes the end of the time for a failure. Two packages run at once, and in each one target after another.
cat >"$work/fuzz" <<'EOT'
set -eu
work=$1 folder=$2
shift 2
binary=$(mktemp "$work/fuzz-XXXXXX")
go test -vet=off -c -fuzz . -o "$binary" "./$folder"
cd "$folder"
for target in "$@"; do
	if ! "$binary" -test.run '^$' -test.fuzz "^${target%:*}\$" -test.fuzztime "${target#*:}x" -test.fuzzminimizetime 5x -test.parallel 1 \
		-test.fuzzcachedir "$binary.found" </dev/null >"$binary.out" 2>&1; then
		cat "$binary.out"
		echo "$folder ${target%:*}: failed"
		exit 1
	fi
	echo "$folder ${target%:*}"
done
EOT
xargs -P 2 -L 1 sh "$work/fuzz" "$work" <<'EOT'
proxycmd FuzzIdentification:3000 FuzzPacket:3000 FuzzKexInit:3000 FuzzReply:3000 FuzzGroup:3000 FuzzServer:100 FuzzStreams:1000 FuzzConversation:1000
bridge FuzzEchoes:3000 FuzzMarkers:3000 FuzzCopyUntil:3000 FuzzQuestion:1000 FuzzRefusal:3000 FuzzTerminalRequest:3000 FuzzSessionRequests:3000 FuzzDestination:3000 FuzzConnected:3000 FuzzExitReport:3000 FuzzScript:1000 FuzzFarJob:3000
outpost FuzzServe:1000
outpost/sftp FuzzServer:1000
outpost/wire FuzzFrames:3000 FuzzMessages:3000
cmd/clever-ssh/internal/database FuzzFind:3000
cmd/clever-ssh/internal/login FuzzTailBuffer:1000
cmd/clever-ssh/internal/setup FuzzAddArguments:3000
config FuzzParse:3000 FuzzScan:3000 FuzzApply:3000 FuzzResolve:3000 FuzzParseConsoleURL:3000 FuzzParseAccount:3000 FuzzNameAccount:3000
config/clevertools FuzzParse:3000 FuzzFindLogin:3000
config/handwritten FuzzFind:3000
config/sshconfig FuzzEditUserFile:3000 FuzzParseReading:3000 FuzzParseDirect:3000
internal/caller FuzzParse:3000 FuzzCommandLines:3
internal/cleverapi FuzzSummary:3000
internal/quote FuzzLine:3000
internal/sshline FuzzParse:3000
EOT
