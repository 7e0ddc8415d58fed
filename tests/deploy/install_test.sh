#!/usr/bin/env bash
# What `cmake --install` puts under a prefix works from there, without the environment and
# without the build tree: programs, private libraries, man pages, completion, unit. If it
# fails, packages made from the installed tree are broken.
#
# usage: install_test.sh BUILD_FOLDER PREFIX BUNDLE
# PREFIX is made anew and kept: other tests run from it.
set -euo pipefail
build=$1 prefix=$2 bundle=$3
fail() { echo "FAILED: $*" >&2; exit 1; }

# Installed elsewhere and moved: a tree that knows its first place would be found out.
rm -rf "$prefix" "$prefix.first"
for component in runtime documents models; do
  cmake --install "$build" --strip --component $component --prefix "$prefix.first" >/dev/null ||
    fail "cmake --install of $component"
done
mv "$prefix.first" "$prefix"

private=$prefix/lib/magnet
found=$(cd "$private" && echo *)
[ "$found" = "libc10.so libcudart.so.13 libcupti.so.13 libgomp.so.1 libtorch_cpu.so" ] ||
  fail "lib/magnet holds: $found"
for program in magnet-server magnet-client magnet-model; do
  path=$prefix/bin/$program
  ! readelf -d "$path" | grep -E 'R(UN)?PATH' | grep -vF "[\$ORIGIN/../lib/magnet]" ||
    fail "$program: its RUNPATH is not relative"
  libraries=$(env -i ldd "$path")
  ! grep "not found" <<<"$libraries" || fail "$program: libraries are missing"
  for name in libtorch_cpu libc10 libgomp libcudart libcupti; do
    line=$(grep "$name" <<<"$libraries") || continue
    resolved=$(realpath "$(awk '{print $3}' <<<"$line")")
    [[ $resolved == "$(realpath "$private")"/* ]] || fail "$program: $name is taken from $resolved"
  done
  env -i "$path" --help >/dev/null || fail "$program --help without an environment"
done
env -i "$prefix/bin/magnet-model" inspect "$bundle" | grep -q tiny || fail "inspect of the bundle"
env -i "$prefix/bin/magnet-server" --models "$bundle" --check-config || fail "--check-config"

man=$prefix/share/man
if command -v help2man >/dev/null; then
  grep -qF -- '\-\-models' "$man/man8/magnet-server.8" || fail "magnet-server.8 lacks its options"
  # The commands of a program are the indented words of its --help after "ommands:".
  for program in magnet-client magnet-model; do
    mapfile -t commands < <("$prefix/bin/$program" --help |
      sed -n '/ommands:/,/^$/s/^  \([a-z]\+\) .*/\1/p')
    [ ${#commands[@]} -ge 5 ] || fail "$program --help names only: ${commands[*]}"
    for command in "${commands[@]}"; do
      [ -s "$man/man1/$program-$command.1" ] || fail "no man page of $program $command"
    done
  done
fi
completion=$prefix/share/bash-completion/completions/magnet-client
bash -c "source '$completion' && complete -p magnet-client" >/dev/null || fail "completion"
grep -q "^ExecStart=$prefix.first/bin/magnet-server " \
  "$prefix/lib/systemd/system/magnet-server.service" || fail "the unit starts another program"
for file in share/doc/magnet/LICENSE share/magnet/server.yaml lib/sysusers.d/magnet.conf; do
  [ -s "$prefix/$file" ] || fail "no $file"
done
(cd "$prefix/share/magnet/models/default" && sha256sum --strict --quiet --check SHA256SUMS) ||
  fail "the default model is not whole"
ls "$prefix"/share/doc/magnet/torch-*/LICENSE >/dev/null || fail "LibTorch's licence is missing"
echo "passed: $(du -sh "$prefix" | cut -f1) installed"
