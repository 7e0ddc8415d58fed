// What a precision means on a CPU. If this fails, a program computes in another type than it
// was told to, or one program in another type than the next.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "model/cpu_features.h"
#include "model/precision.h"

namespace magnet {
namespace {

TEST(PrecisionOnCpu, WhatIsAskedForIsTaken) {
  for (const Precision asked : {Precision::kFloat32, Precision::kBFloat16, Precision::kFloat16}) {
    EXPECT_EQ(PrecisionOnCpu(asked)->transformer, asked);
    EXPECT_EQ(PrecisionOnCpu(asked)->precision, asked);
  }
}

TEST(PrecisionOnCpu, AutoIsTheFastestThatTheCpuHas) {
  const auto found = PrecisionOnCpu(Precision::kAuto);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->precision, FastestOnCpu());
  const bool bfloat16 = CpuHasAmxBFloat16();
  EXPECT_EQ(found->transformer, bfloat16 ? Precision::kBFloat16 : Precision::kFloat32);
  EXPECT_EQ(found->packing.layers, bfloat16       ? WeightPacking::kOneDnn
                                   : CpuHasAvx2() ? WeightPacking::kInt8
                                                  : WeightPacking::kNone);
}

// Breaks where a CPU computes in bfloat16 by an instruction that is slower than float32's.
TEST(PrecisionOnCpu, BFloat16IsAGainWhereItsInstructionIsFast) {
  EXPECT_FALSE(GainsByBFloat16({}));
  EXPECT_TRUE(GainsByBFloat16({.avx512 = true})) << "Zen 4";
  EXPECT_TRUE(GainsByBFloat16({.avx512 = true, .float16 = true})) << "another maker's, with both";
  EXPECT_TRUE(GainsByBFloat16({.avx512 = true, .intel = true})) << "Cooper Lake";
  EXPECT_TRUE(GainsByBFloat16({.amx = true, .avx512 = true, .float16 = true, .intel = true}));
  EXPECT_FALSE(GainsByBFloat16({.avx512 = true, .float16 = true, .intel = true}))
      << "Sapphire Rapids whose AMX is hidden";
}

TEST(PrecisionOnCpu, WhatIsOfferedIsWhatTheCpuCanAndHoldsTheFastest) {
  const std::vector<Precision> offered = PrecisionsOfCpu();
  EXPECT_EQ(offered.front(), Precision::kFloat32);
  EXPECT_THAT(offered, ::testing::Contains(FastestOnCpu()));
  for (const Precision precision : offered) {
    EXPECT_TRUE(PrecisionOnCpu(precision).ok());
    EXPECT_EQ(PrecisionNames().at(NameOf(precision)), precision);
  }
}

TEST(PrecisionOnCpu, TheDecoderIsBriefOnlyWhereThatIsFaster) {
  for (const Precision asked : {Precision::kFloat32, Precision::kFloat16}) {
    EXPECT_EQ(PrecisionOnCpu(asked)->codec_decoder, Precision::kFloat32);
  }
  EXPECT_EQ(PrecisionOnCpu(Precision::kBFloat16)->codec_decoder,
            CpuGainsByBFloat16() ? Precision::kBFloat16 : Precision::kFloat32);
}

// Breaks where products in a type go by a library that lacks the CPU's instructions for it.
TEST(PrecisionOnCpu, WeightsArePackedWhereOneDnnIsFaster) {
  const auto packed = [](bool gains) {
    return gains ? WeightPacking::kOneDnn : WeightPacking::kNone;
  };
  const auto float32 = PrecisionOnCpu(Precision::kFloat32)->packing;
  EXPECT_EQ(float32.layers, packed(CpuGainsByOneDnn()));
  EXPECT_EQ(float32.heads, float32.layers);
  const auto bfloat16 = PrecisionOnCpu(Precision::kBFloat16)->packing;
  EXPECT_EQ(bfloat16.layers, packed(CpuGainsByBFloat16()));
  EXPECT_EQ(bfloat16.heads, bfloat16.layers);
  EXPECT_EQ(PrecisionOnCpu(Precision::kFloat16)->packing.layers, WeightPacking::kNone);
}

TEST(PrecisionOnCpu, Int8NeedsItsInstructions) {
  const auto found = PrecisionOnCpu(Precision::kInt8);
  ASSERT_EQ(found.ok(), CpuHasAvx2());
  if (!found.ok()) {
    EXPECT_EQ(found.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(found.status().message()), ::testing::HasSubstr("AVX2"));
    return;
  }
  EXPECT_EQ(found->packing.layers, WeightPacking::kInt8);
  EXPECT_EQ(found->packing.heads,
            CpuGainsByOneDnn() ? WeightPacking::kOneDnn : WeightPacking::kNone);
  EXPECT_EQ(found->transformer, Precision::kFloat32);
  EXPECT_EQ(found->codec_decoder,
            CpuGainsByBFloat16() ? Precision::kBFloat16 : Precision::kFloat32);
}

}  // namespace
}  // namespace magnet
