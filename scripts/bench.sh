#!/bin/bash
# What a ProxyCommand costs: clever-ssh, Debian's helpers and no helper, side by side, on loopback against OpenSSH's
# sshd. The timings are printed; no test depends on them.
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

need_go
need ssh openssh-client
need sshd openssh-server
# Helpers that cannot be installed are left out. So are corkscrew and proxytunnel: they only speak to an HTTP proxy.
while read -r program package; do
	if missing_after "$package" command -v "$program"; then
		echo "$0: $program is left out, because it cannot be installed (on Debian: the package $package)" >&2
	fi
done <<'EOT'
nc.openbsd netcat-openbsd
nc.traditional netcat-traditional
ncat ncat
socat socat
connect-proxy connect-proxy
tcpconnect tcputils
EOT

work=$(mktemp -d)
sshd_pid='' bench_pid=''
finish() {
	trap '' HUP INT TERM
	if [ -n "$bench_pid" ]; then
		# Its process group: the clients and helpers of an interrupted run must also end before their folder is
		# removed.
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

scripts/build.sh "$work/clever-ssh"
export CGO_ENABLED=0
go build -trimpath -o "$work/bench" ./scripts/bench
printf 'package main\n\nfunc main() {}\n' >"$work/nothing.go"
go build -trimpath -ldflags "-s -w" -o "$work/nothing" "$work/nothing.go"

ssh-keygen -q -t ed25519 -N '' -f "$work/host"
ssh-keygen -q -t ed25519 -N '' -f "$work/id"
cp "$work/id.pub" "$work/authorized"
# app_bench is also a program that does nothing; any other application is a shell, which is all that the bridge needs.
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
	export HOME="${0%/*}" # login files are no matter of ours
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
# Its own settings, which say where the entries are: the account's are left alone.
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
