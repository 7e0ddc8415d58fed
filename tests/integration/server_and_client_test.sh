#!/usr/bin/env bash
# magnet-server and magnet-client as a person runs them, with the real engine: every format is a
# file that libsndfile reads, a seed means the same sound, and the server ends cleanly. If it
# fails, the two programs no longer work together.
#
# usage: server_and_client_test.sh SERVER CLIENT BUNDLE
set -euo pipefail
server=$1 client=$2 bundle=$3
work=$(mktemp -d)
trap 'kill "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; cat "$work/server.log" >&2; exit 1; }

mkfifo "$work/log"
"$server" --models "$bundle" --listen 127.0.0.1:0 --metrics-listen "" 2>"$work/log" &
pid=$!
# The fifo ends when the server does: waiting for a line can not hang.
exec 3<"$work/log"
address=
while IFS= read -r line <&3; do
  echo "$line" >>"$work/server.log"
  [[ $line =~ listening\ on\ ([0-9.:]+) ]] && address=${BASH_REMATCH[1]}
  [[ $line == *'"serving"'* ]] && break
done
[ -n "$address" ] || fail "the server did not say where it listens"
cat <&3 >>"$work/server.log" &

run() { "$client" "$@" --server "$address"; }
run health || fail "health"
run models | grep -q tiny || fail "models does not list the bundle"
for format in wav flac opus; do
  run generate "a slow piano" --seconds 1 --seed 5 --quiet -o "$work/a.$format" ||
    fail "generate $format"
  [ -s "$work/a.$format" ] || fail "$format is empty"
done
sox --info "$work/a.wav" | grep -q "Sample Rate *: 32000" || fail "a.wav is not 32 kHz"
sox --info "$work/a.flac" | grep -q "30720 samples" || fail "a.flac is not 48 frames of 640 samples"
run generate "a slow piano" --seconds 1 --seed 5 --quiet -o "$work/b.wav" || fail "generate again"
cmp "$work/a.wav" "$work/b.wav" || fail "the same seed gave other bytes"
run generate "x" --seconds 9999 --quiet -o "$work/c.wav" 2>"$work/error" && fail "9999 s accepted"
grep -q "duration_seconds" "$work/error" || fail "the error does not name the field"
[ ! -e "$work/c.wav" ] || fail "a refused request left a file"
run load --requests 6 --concurrency 3 --seconds-of 0.5 --json >"$work/load.json" || fail "load"

kill -TERM "$pid"
wait "$pid" || fail "the server ended with $?"
echo "passed"
