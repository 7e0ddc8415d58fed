#include "model/precision.h"

#include "model/cpu_features.h"

namespace magnet {

Precision FastestOnCpu() {
  if (CpuHasAmxBFloat16()) return Precision::kBFloat16;
  return CpuHasAvx2() ? Precision::kInt8 : Precision::kFloat32;
}

std::vector<Precision> PrecisionsOfCpu() {
  std::vector<Precision> precisions = {Precision::kFloat32};
  if (CpuGainsByBFloat16()) precisions.push_back(Precision::kBFloat16);
  if (CpuHasAvx2()) precisions.push_back(Precision::kInt8);
  return precisions;
}

const std::map<std::string, Precision>& PrecisionNames() {
  static const auto* const names =
      new std::map<std::string, Precision>{{"auto", Precision::kAuto},
                                           {"float32", Precision::kFloat32},
                                           {"bfloat16", Precision::kBFloat16},
                                           {"float16", Precision::kFloat16},
                                           {"int8", Precision::kInt8}};
  return *names;
}

std::string NameOf(Precision precision) {
  for (const auto& [name, value] : PrecisionNames()) {
    if (value == precision) return name;
  }
  return "unknown";
}

namespace {

WeightPacking PackingOf(Precision precision) {
  const bool gains = (precision == Precision::kFloat32 && CpuGainsByOneDnn()) ||
                     (precision == Precision::kBFloat16 && CpuGainsByBFloat16());
  return gains ? WeightPacking::kOneDnn : WeightPacking::kNone;
}

}  // namespace

absl::StatusOr<CpuPrecision> PrecisionOnCpu(Precision asked) {
  const Precision precision = asked == Precision::kAuto ? FastestOnCpu() : asked;
  if (precision == Precision::kInt8 && !CpuHasAvx2()) {
    return absl::FailedPreconditionError(
        "precision int8: expected a CPU with AVX2 and FMA, found one without; float32 is the "
        "fastest that every CPU has");
  }
  const bool is_int8 = precision == Precision::kInt8;
  CpuPrecision found;
  found.precision = precision;
  found.transformer = is_int8 ? Precision::kFloat32 : precision;
  if ((is_int8 || precision == Precision::kBFloat16) && CpuGainsByBFloat16()) {
    found.codec_decoder = Precision::kBFloat16;
  }
  found.packing.heads = PackingOf(found.transformer);
  found.packing.layers = is_int8 ? WeightPacking::kInt8 : found.packing.heads;
  return found;
}

}  // namespace magnet
