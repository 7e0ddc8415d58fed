// The matrix instructions of model/cuda/tensor_core.cuh, from their description in
// the PTX manual, for the emulation.
#ifndef MAGNET_TESTS_TESTING_CUDA_EMULATION_TENSOR_CORE_CUH_
#define MAGNET_TESTS_TESTING_CUDA_EMULATION_TENSOR_CORE_CUH_

#include <cuda_fp16.h>

#include <array>
#include <cstdint>
#include <cstdlib>

namespace magnet {
namespace cuda_emulation {

inline int Lane() { return static_cast<int>(threadIdx.x % 32); }

inline float HalfOf(uint32_t pair, int index) {
  half halves[2];
  std::memcpy(halves, &pair, sizeof(pair));
  return static_cast<float>(halves[index]);
}

}  // namespace cuda_emulation

inline uint32_t PackHalves(float first, float second) {
  const half2 pair = __floats2half2_rn(first, second);
  uint32_t bits;
  std::memcpy(&bits, &pair, sizeof(bits));
  return bits;
}

inline void MultiplyAdd(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  namespace emulation = cuda_emulation;
  const int lane = emulation::Lane();
  const std::array<uint32_t, 6> mine = {a[0], a[1], a[2], a[3], b0, b1};
  std::memcpy(emulation::LaneSpace(lane), mine.data(), sizeof(mine));
  emulation::WaitForWarp();
  const auto registers = [](int of_lane) {
    std::array<uint32_t, 6> r;
    std::memcpy(r.data(), emulation::LaneSpace(of_lane), sizeof(r));
    return r;
  };
  for (int i = 0; i < 4; ++i) {
    const int row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
    float sum = 0;
    for (int k = 0; k < 16; ++k) {
      const int place = k % 8 / 2;
      const uint32_t a_pair = registers(4 * (row % 8) + place)[row / 8 + 2 * (k / 8)];
      const uint32_t b_pair = registers(4 * column + place)[4 + k / 8];
      sum += emulation::HalfOf(a_pair, k % 2) * emulation::HalfOf(b_pair, k % 2);
    }
    c[i] += sum;
  }
  emulation::WaitForWarp();
}

namespace cuda_emulation {

inline void LoadFromRows(uint32_t (&r)[4], const half* row, bool transposed) {
  if (reinterpret_cast<uintptr_t>(row) % 16 != 0) std::abort();  // as the instruction would
  const int lane = Lane(), group = lane / 4, first = 2 * (lane % 4);
  std::memcpy(LaneSpace(lane), &row, sizeof(row));
  WaitForWarp();
  for (int matrix = 0; matrix < 4; ++matrix) {
    const auto element = [&](int i, int j) {
      const half* of_row;
      std::memcpy(&of_row, LaneSpace(8 * matrix + i), sizeof(of_row));
      return of_row[j];
    };
    const half pair[2] = {transposed ? element(first, group) : element(group, first),
                          transposed ? element(first + 1, group) : element(group, first + 1)};
    std::memcpy(&r[matrix], pair, sizeof(pair));
  }
  WaitForWarp();
}

}  // namespace cuda_emulation

inline void LoadMatrices(uint32_t (&r)[4], const half* row) {
  cuda_emulation::LoadFromRows(r, row, /*transposed=*/false);
}

inline void LoadMatricesTransposed(uint32_t (&r)[4], const half* row) {
  cuda_emulation::LoadFromRows(r, row, /*transposed=*/true);
}

inline void BeginCopy16(half* shared, const half* source, bool valid) {
  static const unsigned char zeros[16] = {};
  const bool aligned = reinterpret_cast<uintptr_t>(shared) % 16 == 0 &&
                       reinterpret_cast<uintptr_t>(source) % 16 == 0;
  if (!aligned) std::abort();  // as the instruction would
  cuda_emulation::BeginCopy(shared, valid ? static_cast<const void*>(source) : zeros, 16);
}

inline void CloseCopies() { cuda_emulation::CloseGroup(); }

template <int kGroups>
void WaitForCopies() {
  cuda_emulation::WaitForGroups(kGroups);
}

}  // namespace magnet

#endif  // MAGNET_TESTS_TESTING_CUDA_EMULATION_TENSOR_CORE_CUH_
