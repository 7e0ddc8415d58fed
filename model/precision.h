// The type of number that a model computes in.
#ifndef MAGNET_MODEL_PRECISION_H_
#define MAGNET_MODEL_PRECISION_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace magnet {

// kInt8: the products of the transformer's layers in 8-bit whole numbers, on a CPU with AVX2 (and
// faster with VNNI or AMX, model/cpu_features.h); the codec's decoder as CpuPrecision says, all
// else in float32.
//
// kAuto: float16 on a GPU; on a CPU bfloat16 where it has AMX, else int8 where it has AVX2, else
// float32.
enum class Precision { kFloat32, kBFloat16, kFloat16, kInt8, kAuto };

// By the names that options have: auto, bfloat16, float16, float32, int8.
const std::map<std::string, Precision>& PrecisionNames();

std::string NameOf(Precision precision);

// What kAuto is on this CPU.
Precision FastestOnCpu();

// kFloat32, and those that this CPU is faster in.
std::vector<Precision> PrecisionsOfCpu();

// How weights are laid out anew for inference: kOneDnn as PackedWeight (model/layers), in the type
// that they have; kInt8 as Int8Weight (model/int8).
enum class WeightPacking { kNone, kOneDnn, kInt8 };

struct TransformerPacking {
  WeightPacking layers = WeightPacking::kNone;
  WeightPacking heads = WeightPacking::kNone;  // never kInt8
};

// What a precision that was asked for means on this CPU. None is kAuto.
struct CpuPrecision {
  Precision precision = Precision::kFloat32;    // as it was asked for, or what kAuto is here
  Precision transformer = Precision::kFloat32;  // of what is not packed: never kInt8
  // bfloat16 where the transformer is in few bits and CpuGainsByBFloat16(), else float32.
  Precision codec_decoder = Precision::kFloat32;
  // By oneDNN: bfloat16 where CpuGainsByBFloat16(), float32 where CpuGainsByOneDnn().
  TransformerPacking packing;
};
// FAILED_PRECONDITION where the CPU cannot: int8 without AVX2.
absl::StatusOr<CpuPrecision> PrecisionOnCpu(Precision asked);

}  // namespace magnet

#endif  // MAGNET_MODEL_PRECISION_H_
