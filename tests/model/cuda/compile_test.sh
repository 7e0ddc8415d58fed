#!/usr/bin/env bash
# The CUDA part compiles and links without LibTorch. Where it fails, no machine with a
# GPU can be given a libmagnet_cuda.so.
# usage: compile_test.sh SOURCE BUILD DEPS
set -euo pipefail
source_folder=$1 build=$2 deps=$3

PATH=$PATH:/usr/local/cuda/bin
if ! command -v nvcc >/dev/null; then
  echo "SKIPPED: nvcc is not installed"
  exit 77 # CTest's SKIP_RETURN_CODE
fi
cmake -S "$source_folder" -B "$build" -G Ninja -D CMAKE_BUILD_TYPE=Release \
  -D MAGNET_CUDA=ON -D CMAKE_CUDA_ARCHITECTURES=90 -D MAGNET_DEPS_DIR="$deps" \
  -D MAGNET_BUILD_SERVER=OFF -D MAGNET_BUILD_TRAIN=OFF -D MAGNET_BUILD_TESTS=OFF
cmake --build "$build" --target magnet_cuda

library=$build/model/cuda/libmagnet_cuda.so
nm --dynamic --defined-only "$library" | grep -q ' T MagnetMakeStepKernels1$' ||
  { echo "FAILED: $library does not export its entry" >&2; exit 1; }
if readelf --dynamic "$library" | grep NEEDED | grep -E 'torch|c10'; then
  echo "FAILED: $library is linked to LibTorch" >&2
  exit 1
fi
