#!/usr/bin/env bash
# Every shell script of the project passes shellcheck, the Dockerfile hadolint, and the C++
# sources are as clang-format leaves them. If it fails, a script has a mistake of the kind that
# shows only on another machine, or the next change of a file will be hidden among new lines.
#
# usage: lint_test.sh ROOT TOOLS
set -euo pipefail
root=$1 hadolint=$2/hadolint clang_format=$2/clang-format
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
cd "$root"
need shellcheck

mapfile -t scripts < <(
  find . \( -path ./.git -o -path ./.deps -o -path ./build \) -prune -o -type f -print0 |
    xargs -0 grep -lEm1 '^#!.*\b(ba|da)?sh\b' | while read -r file; do
    head -1 "$file" | grep -qE '^#!.*\b(ba|da)?sh\b' && echo "$file"
  done | sort)
[ ${#scripts[@]} -ge 5 ] || { echo "FAILED: only ${#scripts[@]} scripts found" >&2; exit 1; }
shellcheck --external-sources --source-path=SCRIPTDIR "${scripts[@]}"
echo "shellcheck: ${#scripts[@]} scripts are clean"

[ -x "$hadolint" ] || skip_or_fail "hadolint is missing: run deploy/setup.sh --dev"
"$hadolint" Dockerfile
echo "hadolint: Dockerfile is clean"

[ -x "$clang_format" ] || skip_or_fail "clang-format is missing: run deploy/setup.sh --dev"
mapfile -d '' -t sources < <(
  find . \( -path ./.git -o -path ./.deps -o -path ./build \) -prune -o \
    \( -name '*.cc' -o -name '*.h' \) -print0)
[ ${#sources[@]} -ge 200 ] || { echo "FAILED: only ${#sources[@]} sources found" >&2; exit 1; }
"$clang_format" --dry-run --Werror "${sources[@]}"
echo "clang-format: ${#sources[@]} sources are clean"
