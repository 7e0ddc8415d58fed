#!/usr/bin/env bash
# Installs what the project builds with: Debian packages, LibTorch and what its
# CPU library needs (PyPI wheels), and the SentencePiece source archive.
#
# usage: deploy/setup.sh [--gpu] [--dev] [--no-apt]
#   --gpu     also the CUDA libraries that libtorch_cuda.so needs (about 3 GB)
#   --dev     also the tools of CONTRIBUTING.md: linters and the Python client's packages
#   --no-apt  skip Debian packages (when someone else manages the system)
#
# Safe to run again: what is there is kept, so a second run takes seconds.
# Everything from PyPI lands in .deps/, pinned by version and hash; nothing is
# downloaded at build time.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
deps=$root/.deps
packages=$root/deploy/packages
want_gpu=0 want_dev=0 want_apt=1
for arg in "$@"; do
  case $arg in
    --gpu) want_gpu=1 ;;
    --dev) want_dev=1 ;;
    --no-apt) want_apt=0 ;;
    -h | --help) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "setup: unknown option '$arg' (try --help)" >&2; exit 2 ;;
  esac
done

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

# Prints the packages of a list file, without comments.
list() { sed 's/#.*//' "$packages/$1" | xargs; }

install_debian_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    say "Debian packages: all $# present"
    return
  fi
  [ "$want_apt" = 1 ] || fail "missing Debian packages (run without --no-apt, or install them): ${missing[*]}"
  local sudo=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "run as root, or install sudo; needed packages: ${missing[*]}"
    sudo=(sudo)
  fi
  say "Debian packages: installing ${missing[*]}"
  "${sudo[@]}" apt-get update -qq || fail "apt-get update failed: check the network and /etc/apt/sources.list"
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "apt-get could not install the packages above; this project is built on Debian 12 (bookworm)"
}

# The file that says that a list of wheels is unpacked, by the list's content.
stamp_of() { echo "$deps/site/.$(basename "$1" .txt).$(sha256sum "$1" | cut -c1-16)"; }

# A list that has changed: nobody knows which files were the old one's.
drop_outdated_wheels() { # file ...
  local file stamp
  for file in "$@"; do
    for stamp in "$deps/site/.$(basename "$file" .txt)".*; do
      [ ! -e "$stamp" ] || [ "$stamp" = "$(stamp_of "$file")" ] || rm -rf "$deps/site"
    done
  done
}

# Unpacks the wheels of a list into .deps/site, beside what is there: several of them
# share the folder nvidia/, which `pip --upgrade` would empty.
unpack_wheels() { # file
  local name platforms=() glibc
  name=$(basename "$1" .txt)
  if [ -e "$(stamp_of "$1")" ]; then
    say "$name: present"
    return
  fi
  say "$name: unpacking wheels into .deps/site"
  for glibc in {36..17}; do platforms+=(--platform "manylinux_2_${glibc}_x86_64"); done
  rm -rf "$deps/site.new" "$deps/tmp"
  mkdir -p "$deps/site" "$deps/tmp"
  TMPDIR=$deps/tmp python3 -m pip install --quiet --disable-pip-version-check \
    --root-user-action=ignore --no-deps --no-compile --no-cache-dir \
    --require-hashes --only-binary=:all: --target "$deps/site.new" --implementation cp \
    --python-version 3.11 "${platforms[@]}" --platform manylinux2014_x86_64 -r "$1" ||
    fail "pip could not fetch the wheels of $1: check the network and the free disk space (2 GB; 8 GB with --gpu)"
  cp -alf "$deps/site.new/." "$deps/site"
  rm -rf "$deps/site.new" "$deps/tmp"
  touch "$(stamp_of "$1")"
}

unpack_sentencepiece() {
  local file=$packages/sentencepiece.txt version stamp
  version=$(sed -n 's/^sentencepiece==\([0-9.]*\).*/\1/p' "$file")
  stamp=$deps/sentencepiece/.$version
  if [ -e "$stamp" ]; then
    say "sentencepiece $version: present"
    return
  fi
  say "sentencepiece $version: fetching its source archive"
  local work
  work=$(mktemp -d)
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-cache-dir \
    --require-hashes --no-binary sentencepiece -d "$work" -r "$file" ||
    fail "pip could not fetch the source archive of sentencepiece: check the network"
  tar -xzf "$work"/sentencepiece-*.tar.gz -C "$work"
  rm -rf "$deps/sentencepiece"
  mkdir -p "$deps"
  mv "$work/sentencepiece-$version/sentencepiece" "$deps/sentencepiece"
  rm -rf "$work"
  touch "$stamp"
}

install_dev_tools() {
  local file=$packages/dev.txt stamp
  stamp=$deps/dev/.$(sha256sum "$file" | cut -c1-16)
  if [ -e "$stamp" ]; then
    say "development tools: present"
    return
  fi
  say "development tools: a Python environment in .deps/dev"
  python3 -m venv --clear "$deps/dev" || fail "python3 -m venv failed: install python3-venv"
  "$deps/dev/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir \
    --no-deps --require-hashes --only-binary=:all: -r "$file" ||
    fail "pip could not install the packages of $file: check the network; python3 must be 3.11"
  "$deps/dev/bin/python" -m pip check --quiet --disable-pip-version-check ||
    fail "$file lacks what its packages need"
  touch "$stamp"
}

[ "$(uname -m)" = x86_64 ] || fail "this project is built for x86-64, not $(uname -m)"
read -ra debian_packages <<<"$(list debian.txt) $([ "$want_dev" = 0 ] || list debian-dev.txt)"
install_debian_packages "${debian_packages[@]}"
drop_outdated_wheels "$packages/torch.txt" "$packages/cuda.txt"
unpack_wheels "$packages/torch.txt"
[ "$want_gpu" = 0 ] || unpack_wheels "$packages/cuda.txt"
unpack_sentencepiece
[ "$want_dev" = 0 ] || install_dev_tools
say "done"
