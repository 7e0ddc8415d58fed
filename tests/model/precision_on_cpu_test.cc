// What a precision means on a CPU. If this fails, a program computes in another type than it
// was told to, or one program in another type than the next.
#include <gtest/gtest.h>

#include "model/precision.h"

namespace magnet {
namespace {

TEST(PrecisionOnCpu, WhatIsAskedForIsTaken) {
  for (const Precision asked : {Precision::kFloat32, Precision::kBFloat16, Precision::kFloat16}) {
    EXPECT_EQ(PrecisionOnCpu(asked).transformer, asked);
  }
}

TEST(PrecisionOnCpu, AutoIsTheFastestThatTheCpuHas) {
  const Precision fastest = CpuGainsByBFloat16() ? Precision::kBFloat16 : Precision::kFloat32;
  EXPECT_EQ(PrecisionOnCpu(Precision::kAuto).transformer, fastest);
}

TEST(PrecisionOnCpu, TheDecoderIsBriefOnlyWhereThatIsFaster) {
  for (const Precision asked : {Precision::kFloat32, Precision::kFloat16}) {
    const CpuPrecision found = PrecisionOnCpu(asked);
    EXPECT_EQ(found.codec_decoder, Precision::kFloat32);
    EXPECT_FALSE(found.packs_weights);
  }
  const bool gains = CpuGainsByBFloat16();
  for (const Precision asked : {Precision::kBFloat16, Precision::kAuto}) {
    const CpuPrecision found = PrecisionOnCpu(asked);
    EXPECT_EQ(found.codec_decoder, gains ? Precision::kBFloat16 : Precision::kFloat32);
    EXPECT_EQ(found.packs_weights, gains);
  }
}

}  // namespace
}  // namespace magnet
