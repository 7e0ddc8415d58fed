#!/usr/bin/env bash
# From nothing to a clip of music: sets up, builds, starts the server, asks it for a
# clip with magnet-client and shows how to go on. On Debian 12 (x86-64), as root or with
# sudo. The first run compiles, which takes a while; the next ones take seconds.
#
# usage: deploy/quickstart.sh [OPTION ...] [PROMPT]
#   PROMPT                what the music should be
#   -o, --output FILE     where the clip goes; its extension says the format: wav, flac,
#                         opus (out.wav)
#   -d, --seconds S       length of the clip (10)
#       --seed N          the same seed gives the same clip (1)
#   -m, --model FOLDER    bundle to serve (models/default)
#   -p, --port N          port of the server; the next free one is taken (50051)
#       --metrics-port N  port of its metrics page, likewise (9464)
#   -k, --keep            leave the server running
#       --bin FOLDER      use the programs in this folder; no set-up and no build
#   -h, --help            print this
# Exit codes: 0 done, 1 a step failed (and what to do is said), 2 wrong usage.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
prompt="warm lo-fi beat with a mellow electric piano"
output=out.wav seconds=10 seed=1 model=$root/models/default
port=50051 metrics_port=9464 keep=0 bin=
log=$root/build/quickstart.log
pid=

say() { printf 'quickstart: %s\n' "$*"; }
fail() { # what_happened what_to_do
  printf 'quickstart: error: %s\n' "$1" >&2
  printf 'quickstart: what to do: %s\n' "$2" >&2
  exit 1
}
usage_error() {
  printf 'quickstart: %s (try --help)\n' "$1" >&2
  exit 2
}

parse_options() {
  local prompts=0
  while [ $# -gt 0 ]; do
    local name=$1
    case $name in
      -h | --help) sed -n '2,/^# Exit codes/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
      -k | --keep) keep=1; shift; continue ;;
      -o | --output | -d | --seconds | --seed | -m | --model | -p | --port | --metrics-port | --bin)
        [ $# -ge 2 ] || usage_error "$name needs a value" ;;
      -?*) usage_error "unknown option $name" ;;
      *)
        prompts=$((prompts + 1))
        [ $prompts = 1 ] || usage_error "one prompt only: put it in quotes"
        prompt=$name; shift; continue ;;
    esac
    case $name in
      -o | --output) output=$2 ;;
      -d | --seconds) seconds=$2 ;;
      --seed) seed=$2 ;;
      -m | --model) model=$2 ;;
      -p | --port) port=$2 ;;
      --metrics-port) metrics_port=$2 ;;
      --bin) bin=$2 ;;
    esac
    shift 2
  done
  [[ $port =~ ^[0-9]+$ && $metrics_port =~ ^[0-9]+$ ]] || usage_error "a port is a number"
}

# One compiler process takes up to 1.5 GB.
build_jobs() {
  local cores kilobytes jobs
  cores=$(nproc)
  kilobytes=$(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo)
  jobs=$((kilobytes / 1600000))
  echo $((jobs < 1 ? 1 : jobs < cores ? jobs : cores))
}

# Writes the build's output into the log and, on a terminal, shows how far it is.
show_progress() {
  local line
  while IFS= read -r line; do
    printf '%s\n' "$line"
    if [ -t 2 ] && [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]]; then
      printf '\r  step %s of %s ' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" >&2
    fi
  done >"$log"
  [ ! -t 2 ] || echo >&2
}

set_up_and_build() {
  local folder=$root/build/release free_kilobytes
  free_kilobytes=$(df --output=avail -k "$root" | tail -1)
  if [ ! -x "$folder/server/magnet-server" ] && [ "$free_kilobytes" -lt 6000000 ]; then
    fail "$((free_kilobytes / 1000000)) GB are free under $root, and the first build needs 6" \
      "make room, or move the project"
  fi
  "$root/deploy/setup.sh" || fail "the set-up failed" "see the message above, then run this again: \
what is done is kept"
  cd "$root"
  say "building (the first time, some minutes)"
  { [ -e "$folder/build.ninja" ] || cmake --preset release >"$log" 2>&1; } ||
    { tail -20 "$log" >&2; fail "cmake could not configure" \
      "see above and $log; after a change of the system, remove $folder and run this again"; }
  cmake --build --preset release --parallel "$(build_jobs)" \
    --target magnet-server magnet-client 2>&1 | show_progress ||
    { tail -30 "$log" >&2; fail "the build failed" "see above and $log; where a compiler was \
killed, memory is short: close other programs and run this again"; }
  cd - >/dev/null
  server=$folder/server/magnet-server client=$folder/client/magnet-client
}

find_programs() {
  server=$bin/magnet-server client=$bin/magnet-client
  local program
  for program in "$server" "$client"; do
    [ -x "$program" ] || fail "no program $program" "give --bin the folder that holds \
magnet-server and magnet-client, or leave it out to build them"
  done
}

check_model() {
  [ -e "$model/config.json" ] && return
  fail "there is no model in $model" "give --model the folder of a bundle; \
README.md says how one is made from released weights"
}

# The first port from $1 on that nobody listens on.
free_port() {
  local candidate
  for ((candidate = $1; candidate < $1 + 100 && candidate < 65536; ++candidate)); do
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  fail "all ports from $1 to $((candidate - 1)) are taken" "give another one with --port or \
--metrics-port"
}

show_log_and_fail() {
  tail -5 "$log" >&2
  fail "$1" "see the server's last words above; all of them are in $log"
}

start_server() {
  port=$(free_port "$port")
  metrics_port=$(free_port "$metrics_port")
  [ "$metrics_port" != "$port" ] || metrics_port=$(free_port $((port + 1)))
  address=127.0.0.1:$port
  say "starting the server on $address with $model"
  setsid "$server" --models "$model" --listen "$address" \
    --metrics-listen "127.0.0.1:$metrics_port" >"$log" 2>&1 </dev/null &
  pid=$!
  until "$client" health --quiet --wait 1 --server "$address" 2>/dev/null; do
    kill -0 "$pid" 2>/dev/null || { pid=; show_log_and_fail "the server ended while it started"; }
  done
}

stop_server() {
  [ -n "$pid" ] || return 0
  kill "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  pid=
}

generate() {
  say "generating $seconds s: $prompt"
  summary=$("$client" generate "$prompt" --seconds "$seconds" --seed "$seed" -o "$output" \
    --json --server "$address") ||
    fail "the clip was not made" "see the message above; the server's log is $log"
}

# A number of the client's summary.
summary_number() { sed -n "s/.*\"$1\":\([0-9.e+-]*\).*/\1/p" <<<"$summary"; }

report() {
  printf '\n%s\n' "$(realpath "$output")"
  LC_ALL=C printf '%.1f s of music in %.1f s: %.2f s of computing for a second of music; first audio after %.1f s\n' \
    "$(summary_number audio_seconds)" "$(summary_number client_seconds)" \
    "$(summary_number real_time_factor)" "$(summary_number client_first_audio_seconds)"
}

# How to go on with a running server.
show_next_steps() {
  cat <<TEXT

The server is at $address, its metrics at http://127.0.0.1:$metrics_port/metrics
  another clip:  $client generate "solo cello" -o cello.wav --server $address
  its log:       $log
  stop it:       kill $pid

In Python, from $root:
python3 -m venv build/venv && build/venv/bin/pip install grpcio-tools
build/venv/bin/python -m grpc_tools.protoc -Iproto --python_out=build --grpc_python_out=build magnet/v1/music.proto
PYTHONPATH=build build/venv/bin/python - <<'END'
import grpc
from magnet.v1 import music_pb2, music_pb2_grpc
service = music_pb2_grpc.MusicServiceStub(grpc.insecure_channel("$address"))
request = music_pb2.GenerateRequest(prompt="solo cello", duration_seconds=$seconds)
with open("python.wav", "wb") as file:
    for event in service.Generate(request):
        file.write(event.audio_chunk.data)
END
TEXT
}

show_options() {
  cat <<TEXT

The server is stopped again. With --keep it goes on, and its address, its metrics page
and an example in Python are shown:
  $0 --keep
TEXT
}

parse_options "$@"
mkdir -p "$root/build"
check_model
trap stop_server EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ -n "$bin" ]; then find_programs; else set_up_and_build; fi
start_server
generate
report
if [ "$keep" = 1 ]; then
  show_next_steps
  pid=
else
  show_options
fi
