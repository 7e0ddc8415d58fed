// The type of number that a model computes in.
#ifndef MAGNET_MODEL_PRECISION_H_
#define MAGNET_MODEL_PRECISION_H_

namespace magnet {

// kAuto: float16 on a GPU; on a CPU bfloat16 where it has instructions for it
// (CpuGainsByBFloat16), else float32.
enum class Precision { kFloat32, kBFloat16, kFloat16, kAuto };

// The CPU has matrix instructions for bfloat16 (AMX or AVX-512 BF16).
bool CpuGainsByBFloat16();

// What a precision that was asked for means on this CPU. None is kAuto.
struct CpuPrecision {
  Precision transformer = Precision::kFloat32;
  // Goes along with the transformer into bfloat16 where that makes it faster, else float32.
  Precision codec_decoder = Precision::kFloat32;
  // The transformer's weights are worth to be laid out anew (MagnetTransformer::Pack).
  bool packs_weights = false;
};
CpuPrecision PrecisionOnCpu(Precision asked);

}  // namespace magnet

#endif  // MAGNET_MODEL_PRECISION_H_
