#!/usr/bin/env bash
# The image of the Dockerfile is built and run for real, without a container daemon: buildah
# builds it, and the image's own command and health check run as its user, without capabilities,
# on a read-only root file system, in namespaces of mounts, processes and network. If it fails,
# the image does not serve, is not confined, has grown CUDA libraries, or lacks some.
#
# usage: container_test.sh ROOT PREFIX BUNDLE CACHE_FOLDER [KIND]
#   KIND cpu       the CPU image around the installed tree PREFIX (the default)
#        gpu       the GPU image around PREFIX, with its component cuda; served by the CPU
#        compiled  the CPU image, compiled inside (PREFIX is not used): what CI leaves out, for
#                  it takes as long as a build
# The base is made by debootstrap and kept in CACHE_FOLDER (80 MB); needs root and the network.
set -euo pipefail
root=$(realpath "$1") prefix=$(realpath -m "$2") bundle=$(realpath "$3") cache=$4 kind=${5:-cpu}
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
[ "$(id -u)" = 0 ] || skip "building images needs root"
need buildah debootstrap unshare ip python3
if ! mountpoint -q /; then
  # A plain chroot. buildah wants a root that is a mount: this test runs again below one.
  script=$(realpath "${BASH_SOURCE[0]}") mounted=$(mktemp -d -p /tmp)
  status=0
  # shellcheck disable=SC2016 # the inner shell expands
  unshare --mount --propagation unchanged \
    bash -c 'mount --rbind / "$0" && exec chroot "$0" "$@"' "$mounted" \
    "$script" "$root" "$prefix" "$bundle" "$(realpath -m "$cache")" "$kind" || status=$?
  rmdir "$mounted"
  exit "$status"
fi
fail() { echo "FAILED: $*" >&2; exit 1; }

mkdir -p "$cache"
work=$(mktemp -d -p "$cache")
export BUILDAH_ISOLATION=chroot BUILDAH_FORMAT=docker
b() { buildah --root "$work/storage" --runroot "$work/run" "$@"; }
clean() {
  b umount --all >/dev/null 2>&1 || true
  umount "$work/storage/overlay" 2>/dev/null || true
  rm -rf "$work"
}
trap clean EXIT

# ---- the base, like debian:bookworm-slim ---------------------------------
base=$cache/debian-bookworm.tar.gz
if [ ! -e "$base" ]; then
  echo "debootstrap: Debian 12"
  debootstrap --variant=minbase bookworm "$work/base" >"$work/log" || { tail "$work/log"; fail "debootstrap"; }
  rm -rf "$work"/base/var/{cache/apt,lib/apt/lists,log}/* "$work"/base/usr/share/{doc,man,locale,info}/*
  printf '%s\n' 'path-exclude /usr/share/doc/*' force-unsafe-io >"$work/base/etc/dpkg/dpkg.cfg.d/slim"
  tar -C "$work/base" -czf "$base.new" . && mv "$base.new" "$base"
  rm -rf "$work/base"
fi
container=$(b from scratch)
b add --quiet "$container" "$base" / >/dev/null
b commit --quiet --rm "$container" docker.io/library/debian:bookworm-slim >/dev/null

# ---- the image -----------------------------------------------------------
# A context as the project's root is one, with the installed tree where `docker build` of the
# Dockerfile's first lines expects it.
mkdir -p "$work/context"
tar -C "$root" --exclude='__pycache__' -c Dockerfile .dockerignore \
  CMakeLists.txt CMakePresets.json LICENSE bench client cmake deploy model models proto server train |
  tar -C "$work/context" -x
options=(--pull=never --layers=false --tag localhost/magnet --build-arg VERSION=1.2.3)
case $kind in
  cpu) options+=(--build-arg BINARIES=prebuilt) ;;
  gpu) options+=(--build-arg BINARIES=prebuilt --build-arg DEVICE=gpu) ;;
  compiled)
    # A network may have a certificate authority of its own.
    authorities=/etc/ssl/certs/ca-certificates.crt
    printf '[global]\ncert = /run/authorities.crt\n' >"$work/pip.conf"
    options+=(--build-arg BINARIES=build --volume "$work/pip.conf:/etc/pip.conf:ro"
      --volume "$authorities:/run/authorities.crt:ro")
    ;;
  *) fail "KIND: expected cpu, gpu or compiled, found $kind" ;;
esac
if [ "$kind" != compiled ]; then
  mkdir -p "$work/context/build"
  cp -r --reflink=auto "$prefix" "$work/context/build/install"
fi
b bud "${options[@]}" "$work/context" >"$work/log" 2>&1 || { tail -20 "$work/log"; fail "buildah bud"; }
rm -rf "$work/context"

b inspect --type image localhost/magnet >"$work/image.json"
# The image's settings as a shell reads them: user, command and health check.
python3 - "$work/image.json" >"$work/settings" <<'PYTHON'
import json, shlex, sys
config = json.load(open(sys.argv[1]))["Docker"]["config"]
assert config["Healthcheck"]["Test"][0] == "CMD", "the health check is not a plain command"
labels = config["Labels"]
for name in ("title", "description", "licenses", "version", "revision", "created"):
    assert labels.get("org.opencontainers.image." + name), f"no label {name}"
assert labels["org.opencontainers.image.version"] == "1.2.3", "VERSION is not in the labels"
print("uid=%s gid=%s" % tuple(config["User"].split(":")))
print("path=" + shlex.quote(dict(e.split("=", 1) for e in config["Env"])["PATH"]))
print("command=(" + shlex.join(config["Entrypoint"] + config["Cmd"]) + ")")
print("health=(" + shlex.join(config["Healthcheck"]["Test"][1:]) + ")")
PYTHON

container=$(b from --pull-never localhost/magnet)
image=$(b mount "$container")
if [ "$kind" = gpu ]; then
  [ -e "$image/usr/local/lib/magnet/libmagnet_cuda.so" ] || fail "no libmagnet_cuda.so in the image"
  chroot "$image" sh -c 'ldd /usr/local/lib/magnet/lib*.so*' >"$work/needed" || fail "ldd in the image"
  # The driver's library comes with the machine.
  missing=$(sed '/libcuda\.so\.1 /d' "$work/needed" | sed -n '/not found/p' | sort -u)
  [ -z "$missing" ] || fail "libraries missing in the GPU image: $missing"
else
  found=$(find "$image" -name '*.so*' -printf '%f\n' |
    grep -E '^lib(cu|nv|nccl|torch_cuda|c10_cuda|torch_nv|caffe2_nv)' | sort | xargs)
  [ "$found" = "libcudart.so.13 libcupti.so.13" ] || fail "CUDA libraries in the CPU image: $found"
fi

# ---- running it ----------------------------------------------------------
mkdir -p "$work/out"
chmod 777 "$work/out"
cat >"$work/inside.sh" <<'INSIDE'
set -euo pipefail
image=$1 work=$2 bundle=$3
source "$work/settings"
ip link set lo up
# What a container run time makes of --read-only and two volumes.
[ -e "$image/models/default/config.json" ] || { echo "FAILED: no model in the image"; exit 1; }
mkdir -p "$image/out"
mount --bind "$image" "$image"
mount --bind "$bundle" "$image/models/default"
mount -o remount,bind,ro "$image/models/default"
mount --bind "$work/out" "$image/out"
mount -t proc proc "$image/proc"
mount --rbind /dev "$image/dev"
mount -o remount,bind,ro "$image"
inside=(chroot "$image" setpriv "--reuid=$uid" "--regid=$gid" --clear-groups --bounding-set=-all
  --inh-caps=-all --no-new-privs env -i "PATH=$path")
! "${inside[@]}" touch /tmp/x 2>/dev/null || { echo "FAILED: the root can be written"; exit 1; }
[ "$("${inside[@]}" id -u)" != 0 ] || { echo "FAILED: the image runs as root"; exit 1; }

"${inside[@]}" "${command[@]}" 2>"$work/out/log" &
server=$!
until "${inside[@]}" "${health[@]}" 2>/dev/null; do
  kill -0 "$server" || { cat "$work/out/log"; echo "FAILED: the server ended"; exit 1; }
done
"${inside[@]}" magnet-client generate "a slow piano" --seconds 1 --seed 5 -o /out/clip.wav
kill "$server"
wait "$server" || { cat "$work/out/log"; echo "FAILED: the server ended with $?"; exit 1; }
INSIDE
unshare --mount --net --pid --fork --kill-child --propagation private \
  bash "$work/inside.sh" "$image" "$work" "$bundle" || fail "the image does not serve"
[ "$(head -c 4 "$work/out/clip.wav")" = RIFF ] || fail "clip.wav is not a WAV file"

size() { du -sm --apparent-size "$@" | awk '{sum += $1} END {print sum}'; }
echo "passed: $kind image $(size "$image") MB unpacked: Debian and its libraries" \
  "$(($(size "$image") - $(size "$image/usr/local"))) MB," \
  "LibTorch $(size "$image/usr/local/lib/magnet") MB, programs $(size "$image/usr/local/bin") MB"
