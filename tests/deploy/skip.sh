# shellcheck shell=bash
# When a test may be skipped: tools are missing, and the run is not the whole one of
# deploy/test.sh, which installs them and sets MAGNET_REQUIRE_TOOLS=1. Exit code 77 is
# CTest's SKIP_RETURN_CODE.

skip() {
  echo "SKIPPED: $*"
  exit 77
}

skip_or_fail() {
  if [ "${MAGNET_REQUIRE_TOOLS:-0}" = 1 ]; then
    echo "FAILED: $*" >&2
    exit 1
  fi
  skip "$*"
}

# The tools by name, each the name of its Debian package too.
need() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || skip_or_fail "$tool is missing: run deploy/setup.sh --dev"
  done
}
