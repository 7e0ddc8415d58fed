// The instructions for small matrices of half, as functions of a whole warp. Lane l
// has group g = l / 4 and place t = l % 4. (PTX ISA, "Warp level matrix
// instructions": mma.m16n8k16, ldmatrix; sm_80 and later.)
#ifndef MAGNET_MODEL_CUDA_TENSOR_CORE_CUH_
#define MAGNET_MODEL_CUDA_TENSOR_CORE_CUH_

#include <cuda_fp16.h>

#include <cstdint>

namespace magnet {

// Two halves in a register, the first in the lower bits.
__device__ inline uint32_t PackHalves(float first, float second) {
  const half2 pair = __floats2half2_rn(first, second);
  return *reinterpret_cast<const uint32_t*>(&pair);
}

// c [16, 8] += a [16, 16] b [16, 8]. A lane holds, as pairs of neighbours:
//   a: rows g, g + 8, g, g + 8 at columns 2t, 2t, 2t + 8, 2t + 8
//   b: rows 2t.., 2t + 8.. of column g
//   c: (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1)
__device__ inline void MultiplyAdd(float (&c)[4], const uint32_t (&a)[4], uint32_t b0,
                                   uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\n"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Four matrices of 8 x 8 from shared memory. Lane l names row l % 8 of matrix l / 8
// (16 bytes, aligned) and receives of each matrix row g, columns 2t and 2t + 1.
__device__ inline void LoadMatrices(uint32_t (&r)[4], const half* row) {
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address));
}

// The same, but of each matrix column g, rows 2t and 2t + 1.
__device__ inline void LoadMatricesTransposed(uint32_t (&r)[4], const half* row) {
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address));
}

// Begins to copy 16 bytes into shared memory; zeros where not `valid` (`source` must
// be an address all the same).
__device__ inline void BeginCopy16(half* shared, const half* source, bool valid) {
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(address), "l"(source),
               "r"(valid ? 16 : 0));
}

// Closes a group of copies; waits until at most `kGroups` groups are under way.
__device__ inline void CloseCopies() { asm volatile("cp.async.commit_group;\n" ::); }
template <int kGroups>
__device__ inline void WaitForCopies() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(kGroups) : "memory");
}

}  // namespace magnet

#endif  // MAGNET_MODEL_CUDA_TENSOR_CORE_CUH_
