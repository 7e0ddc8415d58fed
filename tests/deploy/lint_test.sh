#!/usr/bin/env bash
# Every shell script of the project passes shellcheck, and the Dockerfile hadolint. If it
# fails, a script has a mistake of the kind that shows only on another machine.
#
# usage: lint_test.sh ROOT [HADOLINT]
set -euo pipefail
root=$1 hadolint=${2:-}
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
