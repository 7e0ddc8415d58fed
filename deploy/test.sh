#!/usr/bin/env bash
# Sets up, builds and runs every test: what CI runs, and what a contributor runs
# before a change is offered.
#
# usage: deploy/test.sh [--preset release|dev|asan|tsan] [CTEST OPTION ...]
#   e.g. deploy/test.sh --preset asan -L unit
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
preset=release
case ${1:-} in
  --preset) preset=${2:?--preset needs a name}; shift 2 ;;
  -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac

cd "$root"
deploy/setup.sh --dev
cmake --preset "$preset"
cmake --build --preset "$preset"
# The tools are installed: a test that lacks one fails instead of being skipped.
export MAGNET_REQUIRE_TOOLS=1
ctest --preset "$preset" --output-on-failure "$@"
