#!/usr/bin/env bash
# The whole check and measurement of the GPU path, on a machine with a GPU: the tests of
# label gpu, then one clip, several clips that share their steps, and the medium model's
# 30 seconds. Prints tables with the GPU's name; writes gpu.json and gpu.txt.
#
# usage: bench/gpu.sh [--build FOLDER] [--out FOLDER] [--torch FOLDER]
#        bench/gpu.sh --pack FOLDER [--build FOLDER]
#   --build  a build folder with -DMAGNET_CUDA=ON (build/gpu), made where it is missing
#   --out    where the results go (build/gpu-results)
#   --torch  LibTorch's lib folder, with its CUDA libraries (default: .deps/site/torch/lib
#            where deploy/setup.sh --gpu has been run, else the lib of python3's torch,
#            which must be of the same version)
#   --pack   only copies what runs, a few megabytes, into a folder, to be carried to a
#            machine that cannot build and named there as --build
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=build/gpu out=build/gpu-results torch='' pack=''
while [ $# -gt 0 ]; do
  case $1 in
    --build) build=$2; shift 2 ;;
    --out) out=$2; shift 2 ;;
    --torch) torch=$2; shift 2 ;;
    --pack) pack=$2; shift 2 ;;
    -h | --help) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "gpu.sh: unknown option '$1' (try --help)" >&2; exit 2 ;;
  esac
done
fail() { echo "gpu.sh: $*" >&2; exit 1; }

files=(bench/magnet-gpu-bench model/cuda/libmagnet_cuda.so
  tests/model/cuda/gpu_step_kernels_test tests/model/cuda/gpu_packed_transformer_test
  tests/model/audio_queue_test)
complete=1
for file in "${files[@]}"; do [ -e "$build/$file" ] || complete=0; done
if [ "$complete" = 0 ]; then
  cmake --preset release -B "$build" -D MAGNET_CUDA=ON -D MAGNET_BUILD_SERVER=OFF \
    -D MAGNET_BUILD_TRAIN=OFF
  targets=()
  for file in "${files[@]}"; do targets+=("$(basename "$file" .so | sed 's/^lib//')"); done
  cmake --build "$build" --target "${targets[@]}"
fi

# What every such machine has is not carried: the C and C++ libraries, LibTorch, CUDA.
if [ -n "$pack" ]; then
  mkdir -p "$pack/lib"
  for file in "${files[@]}"; do
    install -D "$build/$file" "$pack/$file"
    ldd "$build/$file" | awk '$3 ~ /^\// { print $3 }' |
      { grep -vE '/(libtorch|libc10|libgomp|libcu|libc\.|libm\.|libdl|librt|libutil|libpthread|libstdc|libgcc)[^/]*$' || true; } |
      xargs -r cp -Lft "$pack/lib"
  done
  rm -f "$pack/lib/libmagnet_cuda.so"
  du -sh "$pack"
  exit 0
fi

if [ -z "$torch" ] && [ -d .deps/site/nvidia/cudnn/lib ]; then torch=$PWD/.deps/site/torch/lib; fi
if [ -z "$torch" ]; then
  torch=$(python3 -c 'import torch, os; print(os.path.join(os.path.dirname(torch.__file__), "lib"))') ||
    fail "no LibTorch with CUDA: run deploy/setup.sh --gpu, or name its lib folder with --torch"
fi
export LD_LIBRARY_PATH=$build/lib:$torch:$torch/../../nvidia/cu13/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export MAGNET_CUDA_LIBRARY=$PWD/$build/model/cuda/libmagnet_cuda.so
export OMP_WAIT_POLICY=passive
mkdir -p "$out"

name=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader | head -1) ||
  fail "nvidia-smi finds no GPU"

# A test that skips itself would pass here.
run_test() {
  local log
  log=$out/$(basename "$1").log
  "$1" >"$log" 2>&1 || { tail -50 "$log"; fail "$(basename "$1") failed"; }
  if grep -q SKIPPED "$log"; then tail -5 "$log"; fail "$(basename "$1") was skipped"; fi
  grep 'PASSED' "$log"
}
echo "GPU: $name"
run_test "$build/tests/model/cuda/gpu_step_kernels_test"
run_test "$build/tests/model/cuda/gpu_packed_transformer_test"
run_test "$build/tests/model/audio_queue_test"

measure() { "$build/bench/magnet-gpu-bench" --json "$@"; }
{
  printf '{"gpu": "%s", "results": [\n' "$name"
  measure --shape small-10s --batches 1,2,4,6,8,12,16
  printf ',\n'
  measure --shape medium-30s --batches 1,2,4
  printf ']}\n'
} >"$out/gpu.json"

python3 - "$out/gpu.json" <<'PYTHON' | tee "$out/gpu.txt"
import json
import sys

report = json.load(open(sys.argv[1]))
print(report["gpu"])
for result in report["results"]:
    print(f'\n{result["shape"]}\n| clips | text s | steps s | codec s | together s | on end s | clips/s |')
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for b in result["batches"]:
        print(f'| {b["clips"]} | {b["text_seconds"]:.4f} | {b["steps_seconds"]:.4f} | '
              f'{b["codec_seconds"]:.4f} | {b["seconds"]:.4f} | {b["on_end_seconds"]:.4f} | '
              f'{b["clips"] / b["on_end_seconds"]:.2f} |')
PYTHON
