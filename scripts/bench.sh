#!/bin/bash
# What clever-ssh costs, side by side with ssh alone, on loopback against OpenSSH's sshd: the time until a connection has
# run `exit`, and the memory of the helper while 100 MB stream through it. Timings decide no test; they are printed.
#
#   scripts/bench.sh [RUNS]     20 unless given
set -euo pipefail
export LC_ALL=C # EPOCHREALTIME has a decimal comma elsewhere
cd "$(dirname "$0")/.."
. scripts/need.sh
runs=${1:-20}

need_go
need ssh openssh-client
need sshd openssh-server

work=$(mktemp -d)
sshd_pid=
finish() {
	[ -z "$sshd_pid" ] || kill "$sshd_pid"
	rm -rf "$work"
}
trap finish EXIT

CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o "$work/clever-ssh" ./cmd/clever-ssh
ssh-keygen -q -t ed25519 -N '' -f "$work/host"
ssh-keygen -q -t ed25519 -N '' -f "$work/id"
cp "$work/id.pub" "$work/authorized"
port=$((20000 + RANDOM % 20000))
cat >"$work/force" <<'EOF'
#!/bin/sh
exec sh
EOF
chmod 755 "$work/force"
cat >"$work/sshd_config" <<EOF
ListenAddress 127.0.0.1:$port
HostKey $work/host
AuthorizedKeysFile $work/authorized
ForceCommand $work/force
StrictModes no
UsePAM no
PidFile none
PermitRootLogin yes
EOF
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
"$(command -v sshd)" -D -f "$work/sshd_config" &
sshd_pid=$!
mkdir -p "$work/.ssh"
chmod 700 "$work/.ssh"
export XDG_CONFIG_HOME=$work/.config PATH=$work:$PATH SSH_AUTH_SOCK=
# Settings of its own, which say where the entries are: those of the account are left alone.
mkdir -p "$work/.config/clever-cloud"
echo "ssh-config = \"$work/.ssh/config\"" >"$work/.config/clever-cloud/clever-ssh.toml"
clever-ssh setup --gateway "$(id -un)@127.0.0.1:$port" --identity "$work/id" \
	--pin "$(ssh-keygen -lf "$work/host.pub" | awk '{print $2}')" >/dev/null

# ssh as a careful person would call it without clever-ssh, and with it: the latter runs `match direct` and `proxy`.
awk -v alias=bench '{print alias, $1, $2}' "$work/host.pub" >"$work/known_hosts"
direct() {
	ssh -F none -T -i "$work/id" -o IdentitiesOnly=yes -o HostKeyAlias=bench -o UserKnownHostsFile="$work/known_hosts" \
		-o StrictHostKeyChecking=yes -p "$port" "$(id -un)@127.0.0.1" app_bench
}
helped() {
	ssh -F "$work/.ssh/config" -T app_bench.clever
}
milliseconds() { # COMMAND: how long it takes to run exit
	local start=${EPOCHREALTIME/./}
	echo exit | "$1" >/dev/null 2>&1
	echo $(((${EPOCHREALTIME/./} - start) / 100))
}
median() { sort -n | awk '{v[NR] = $1} END {m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2; printf "%.1f (%.1f to %.1f)", m / 10, v[1] / 10, v[NR] / 10}'; }

for _ in 1 2 3; do
	echo exit | helped >/dev/null 2>&1 || true
	echo exit | direct >/dev/null 2>&1 || true
done
for ((i = 0; i < runs; i++)); do
	milliseconds direct >>"$work/direct"
	milliseconds helped >>"$work/helped"
done
echo "connect and leave, median of $runs in ms (least to most):"
echo "  ssh alone        $(median <"$work/direct")"
echo "  with clever-ssh  $(median <"$work/helped")"
paste "$work/direct" "$work/helped" | awk '{print $2 - $1}' | median | sed 's/^/  added, by pairs  /'
echo

peak() { # PID: the most memory that the helper has had by the time that the transfer ends, in KiB
	local most=0 pid kib
	while kill -0 "$1" 2>/dev/null; do
		pid=$(pgrep -f "$work/clever-ssh proxy" | head -n 1 || true)
		if [ -n "$pid" ]; then
			kib=$(awk '/^VmHWM/ {print $2}' "/proc/$pid/status" 2>/dev/null || true)
			[ "${kib:-0}" -le "$most" ] || most=$kib
		fi
		sleep 0.01
	done
	echo "$most"
}
head -c 104857600 /dev/zero >"$work/data"
echo "peak resident memory of the helper while 100 MB stream, in KiB:"
{ echo 'cat >/dev/null'; cat "$work/data"; } | helped >/dev/null 2>&1 &
echo "  up    $(peak $!)"
{ echo "cat $work/data; exit"; } | helped >/dev/null 2>&1 &
echo "  down  $(peak $!)"
