#!/usr/bin/env bash
# deploy/quickstart.sh from the first line to the last, but for set-up and build, which the
# test run itself has done: the clip, the ports, what is left running, the example in Python,
# the messages. If it fails, the first thing that a newcomer tries does not work.
#
# usage: quickstart_test.sh ROOT PREFIX BUNDLE [PYTHON]
set -euo pipefail
root=$1 prefix=$2 bundle=$3 python=${4:-}
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; cat "$work/out" >&2; exit 1; }
quickstart() { "$root/deploy/quickstart.sh" --bin "$prefix/bin" --seconds 1 "$@" >"$work/out" 2>&1; }
cd "$work"

quickstart --model "$bundle" --port 50071 --metrics-port 9471 "a slow piano" || fail "a plain run"
[ "$(head -c 4 out.wav)" = RIFF ] || fail "out.wav is not a WAV file"
grep -qx "$work/out.wav" out || fail "it does not say where the clip is"
grep -q "s of music in .* s of computing for a second of music" out || fail "it does not say how fast"
! "$prefix/bin/magnet-client" health --quiet --server 127.0.0.1:50071 2>/dev/null ||
  fail "the server was left running"

quickstart --model "$bundle" --keep --port 50071 --metrics-port 50071 -o b.flac || fail "--keep"
pid=$(sed -n 's/.*stop it: *kill //p' out)
kill -0 "$pid" || fail "--keep did not leave the server running"
address=$(sed -n 's/^The server is at \([0-9.:]*\),.*/\1/p' out)
metrics=$(sed -n 's/.*its metrics at http:\/\/\([^/]*\)\/metrics$/\1/p' out)
[ "$address" != "$metrics" ] || fail "both ports are $address"
cp out first_out
quickstart --model "$bundle" --port 50071 --metrics-port "${metrics#*:}" -o c.wav ||
  fail "a second server beside the first"
! grep -q "on $address " out || fail "the second server took the port of the first"
cp first_out out
if [ -x "$python" ]; then
  # The example as it is printed, but for where its packages come from.
  sed -n '/^build\/venv\/bin\/python -m/,/^END$/p' out |
    sed "s|build/venv/bin/python|$python|; s|-Iproto|-I$root/proto|; s|=build|=$work|g" >example.sh
  [ -s example.sh ] || fail "there is no example in Python"
  bash -euo pipefail example.sh >example_out 2>&1 || { cat example_out >&2; fail "the example in Python"; }
  [ "$(head -c 4 python.wav)" = RIFF ] || fail "python.wav is not a WAV file"
fi
kill "$pid"
tail --pid="$pid" -f /dev/null
pid=

# Every failure says what to do.
expect_failure() { # code words option...
  local code=0
  quickstart "${@:3}" || code=$?
  [ $code = "$1" ] || fail "expected exit code $1, found $code: ${*:3}"
  grep -q "$2" out || fail "expected \"$2\": ${*:3}"
}
expect_failure 1 "what to do: give --model" --model "$work/nowhere"
expect_failure 2 "unknown option --wrong" --wrong
expect_failure 2 "one prompt only" --model "$bundle" slow piano
mkdir broken
cp "$bundle"/* broken
head -c 1000 "$bundle/lm.safetensors" >broken/lm.safetensors
expect_failure 1 "lm.safetensors" --model broken
expect_failure 1 "what to do: see the message above" --model "$bundle" --seconds 9999
echo "passed"
