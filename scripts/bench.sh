#!/bin/bash
# What a ProxyCommand costs: clever-ssh, Debian's helpers and none at all, side by side, on loopback against OpenSSH's
# sshd. Timings decide no test; they are printed.
set -euo pipefail
unset CDPATH
cd "$(dirname "$0")/.."
. scripts/need.sh

usage() {
	cat <<'EOT'
usage: scripts/bench.sh [--rtt] [--runs N] [--size SIZE] [--echoes N] [RUNS]

  --rtt         count the round trips of commands over a slow path, and measure nothing else

  --runs N      how often everything is measured; 10 unless given
  --size SIZE   what is carried each way in each run, in bytes, or with K, M, G for thousands, millions, billions; 2G
  --echoes N    how many bytes go back and forth, one by one, in each run; 10000

A quick look: scripts/bench.sh --runs 3 --size 128M --echoes 1000
EOT
}
runs=10 size=2G echoes=10000 rtt=
while [ $# -gt 0 ]; do
	case $1 in
	-h | --help)
		usage
		exit 0
		;;
	--rtt)
		rtt=-rtt
		shift
		;;
	--runs | --size | --echoes)
		if [ $# -lt 2 ]; then
			usage >&2
			exit 2
		fi
		printf -v "${1#--}" %s "$2"
		shift 2
		;;
	*)
		runs=$1
		shift
		;;
	esac
done
case $runs$echoes$size in
*[!0-9KMG]* | '')
	usage >&2
	exit 2
	;;
esac

need ssh openssh-client
need sshd openssh-server

work=$(mktemp -d)
sshd_pid='' bench_pid=''
finish() {
	trap '' HUP INT TERM
	if [ -n "$bench_pid" ]; then
		# End the process group, so that the clients and helpers of an interrupted run end before their folder is removed.
		kill -- "-$bench_pid" 2>/dev/null || true
		for _ in {1..50}; do
			kill -0 -- "-$bench_pid" 2>/dev/null || break
			sleep 0.1
		done
	fi
	[ -z "$sshd_pid" ] || kill "$sshd_pid" 2>/dev/null || true
	wait
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

need_go "$work"
# Other helpers are left out if they cannot be installed. corkscrew and proxytunnel always are: they only speak to
# an HTTP proxy.
needs=
need nc.openbsd netcat-openbsd
need nc.traditional netcat-traditional
need ncat ncat
need socat socat
need connect-proxy connect-proxy
need tcpconnect tcputils
# shellcheck disable=SC2086 # no need has blanks
get $needs
if [ -n "$missing" ]; then
	echo "$0: left out:$missing; on Debian as root: apt-get install --no-install-recommends$packages" >&2
fi

scripts/build.sh "$work/clever-ssh"
export CGO_ENABLED=0
go build -trimpath -o "$work/bench" ./scripts/bench
printf 'package main\n\nfunc main() {}\n' >"$work/nothing.go"
go build -trimpath -ldflags "-s -w" -o "$work/nothing" "$work/nothing.go"

ssh-keygen -q -t ed25519 -N '' -f "$work/host"
ssh-keygen -q -t ed25519 -N '' -f "$work/id"
cp "$work/id.pub" "$work/authorized"
# The application app_bench does nothing. Any other application is a shell, which is all that the bridge needs.
cat >"$work/force" <<'EOT'
#!/bin/sh
case $SSH_ORIGINAL_COMMAND in
app_bench) SSH_ORIGINAL_COMMAND=true ;;
app_several*)
	printf '1) Brave Eevee - Instance 0 - UP (11281f38-31ff-43a7-8595-a2d82630c32b)\n'
	printf '2) Quiet Abra - Instance 1 - UP (22281f38-31ff-43a7-8595-a2d82630c32b)\nYour choice: '
	exec cat >/dev/null
	;;
????????-????-????-????-????????????)
	SSH_ORIGINAL_COMMAND=/bin/sh
	export HOME="${0%/*}"
	;;
app_*)
	SSH_ORIGINAL_COMMAND=/bin/sh
	export HOME="${0%/*}" # without login files
	;;
esac
eval "exec $SSH_ORIGINAL_COMMAND"
EOT
chmod 755 "$work/force"
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd

answers() { (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
port=$((20000 + RANDOM % 10000))
while answers; do port=$((port + 1)); done
for sftp_server in /usr/lib/openssh/sftp-server /usr/libexec/openssh/sftp-server /usr/libexec/sftp-server; do
	[ ! -x "$sftp_server" ] || break
done
cat >"$work/sshd_config" <<EOT
ListenAddress 127.0.0.1:$port
HostKey $work/host
AuthorizedKeysFile $work/authorized
ForceCommand $work/force
Subsystem sftp $sftp_server
StrictModes no
UsePAM no
PidFile none
PermitRootLogin yes
EOT
"$(command -v sshd)" -D -f "$work/sshd_config" -E "$work/sshd.log" &
sshd_pid=$!
until answers; do
	if ! kill -0 "$sshd_pid" 2>/dev/null; then
		cat "$work/sshd.log" >&2
		exit 1
	fi
	sleep 0.05
done

mkdir -p "$work/.ssh" "$work/run"
chmod 700 "$work/.ssh" "$work/run"
export XDG_RUNTIME_DIR=$work/run
export XDG_CONFIG_HOME=$work/.config SSH_AUTH_SOCK='' SHELL=/bin/sh
# These settings say where the entries are, so the account's own stay untouched.
(
	umask 077
	mkdir -p "$work/.config/clever-cloud"
	printf 'ssh-config = "%s"\nputty = "no"\n' "$work/.ssh/config" >"$work/.config/clever-cloud/clever-ssh.toml"
)
"$work/clever-ssh" setup --gateway "$(id -un)@127.0.0.1:$port" --identity "$work/id" \
	--pin "$(ssh-keygen -lf "$work/host.pub" | awk '{print $2}')" >/dev/null

set -m # a process group of its own
# shellcheck disable=SC2086 # one word or none
"$work/bench" $rtt -work "$work" -port "$port" -runs "$runs" -size "$size" -echoes "$echoes" </dev/null &
bench_pid=$!
set +m
wait "$bench_pid"
