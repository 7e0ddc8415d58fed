#!/usr/bin/env bash
# The systemd unit is valid and its sandbox tight, and the server keeps to Type=notify. If it
# fails, `systemctl start` hangs or is killed, or the service may do more than it needs.
#
# usage: systemd_test.sh ROOT PREFIX BUNDLE
set -euo pipefail
root=$1 prefix=$2 bundle=$3
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
work=$(mktemp -d)
trap 'kill "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
pid=
fail() { echo "FAILED: $*" >&2; exit 1; }

# What the manager would hear, one line for each variable, until the server has ended.
cat >"$work/manager.py" <<'PYTHON'
import os, signal, socket, subprocess, sys
path, server = sys.argv[1], sys.argv[2:]
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(path)
manager.settimeout(120)
process = subprocess.Popen(server, env={"NOTIFY_SOCKET": path}, stderr=subprocess.DEVNULL)
def expect(*beginnings):
    lines = manager.recv(4096).decode().splitlines()
    for line, beginning in zip(lines, beginnings, strict=True):
        assert line.startswith(beginning), f"expected {beginning}, found {line}"
    return lines[-1].split("=")[1]
try:
    expect("READY=1", "STATUS=serving on 127.0.0.1:")
    process.send_signal(signal.SIGHUP)
    expect("RELOADING=1", "MONOTONIC_USEC=")
    expect("READY=1")
    process.terminate()
    extension = int(expect("STOPPING=1", "STATUS=draining", "EXTEND_TIMEOUT_USEC="))
    assert extension > 77e6, f"systemd kills after {extension} us what may drain for 77 s"
    assert process.wait(120) == 0, f"the server ended with {process.returncode}"
finally:
    process.kill()
PYTHON
python3 "$work/manager.py" "$work/notify" "$prefix/bin/magnet-server" --models "$bundle" \
  --listen 127.0.0.1:0 --metrics-listen "" --drain-seconds 77 || fail "the notifications"
echo "notifications: ready, reload, stopping"

need systemd-analyze strace
unit=$root/deploy/systemd/magnet-server.service
systemd-analyze security --offline=true --threshold=30 --no-pager "$unit" >"$work/security" ||
  { grep ✗ "$work/security"; fail "the sandbox is open: $(tail -1 "$work/security")"; }
tail -1 "$work/security"
# With a program that is there; the rest of the unit as it is shipped.
sed "s|/usr/local/bin/|$(realpath "$prefix")/bin/|" "$unit" >"$work/magnet-server.service"
systemd-analyze verify --man=no "$work/magnet-server.service" 2>&1 |
  grep magnet-server.service && fail "systemd-analyze verify"

# What the server really asks of the kernel, from the start to the end, is what the unit allows.
members() { # names and @groups, as names
  local name
  for name in "$@"; do
    case $name in
      @*) mapfile -t inner < <(systemd-analyze syscall-filter "$name" | sed '1d; /#/d; s/ //g; /^$/d')
        members "${inner[@]}" ;;
      *) echo "$name" ;;
    esac
  done
}
members @default >"$work/allowed"
while read -ra filter; do
  if [[ ${filter[0]} == ~* ]]; then
    members "${filter[0]#\~}" "${filter[@]:1}" >"$work/refused"
    grep -vxFf "$work/refused" "$work/allowed" >"$work/left"
    mv "$work/left" "$work/allowed"
  else
    members "${filter[@]}" >>"$work/allowed"
  fi
done < <(sed -n 's/^SystemCallFilter=//p' "$unit")
mkfifo "$work/log"
strace -f -qq -o "$work/calls" "$prefix/bin/magnet-server" --models "$bundle" \
  --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 2>"$work/log" &
pid=$!
exec 3<"$work/log"
while IFS= read -r line <&3; do
  [[ $line =~ listening\ on\ ([0-9.:]+) ]] && address=${BASH_REMATCH[1]}
  [[ $line == *'"serving"'* ]] && break
done
cat <&3 >/dev/null &
"$prefix/bin/magnet-client" generate "piano" --seconds 0.5 --quiet -o "$work/a.opus" \
  --server "${address:-}" || fail "no clip under strace"
kill -TERM "$(cat "/proc/$pid/task/$pid/children")"
wait "$pid" || fail "the server ended with $?"
pid=
sed -En 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/p' "$work/calls" | sort -u >"$work/used"
[ "$(wc -l <"$work/used")" -gt 30 ] || fail "strace saw too few calls"
! grep -vxFf "$work/allowed" "$work/used" || fail "the unit refuses these calls"
families=$(sed -n 's/^RestrictAddressFamilies=//p' "$unit")
while read -r family; do
  # Interfaces are listed by AF_NETLINK where it is allowed, and otherwise not.
  [[ " $families AF_NETLINK " == *" $family "* ]] || fail "the unit refuses sockets of $family"
done < <(sed -En 's/.* socket\((AF_[A-Z0-9]+),.*/\1/p' "$work/calls" | sort -u)
echo "passed: $(wc -l <"$work/used") system calls used, all allowed"
