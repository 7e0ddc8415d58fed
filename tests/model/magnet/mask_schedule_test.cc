// If these fail, steps mask, guide or heat otherwise than the reference's.
#include "model/magnet/mask_schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace magnet {
namespace {

TEST(MaskRate, LinspaceFallsFromOneToZero) {
  EXPECT_EQ(MaskRate(MaskSchedule::kLinspace, 0, 20), 1.0f);
  EXPECT_NEAR(MaskRate(MaskSchedule::kLinspace, 19, 20), 0.0f, 1e-7);
  EXPECT_NEAR(MaskRate(MaskSchedule::kLinspace, 6, 10), 0.5f, 1e-6);
  for (int i = 1; i < 20; ++i) {
    EXPECT_LT(MaskRate(MaskSchedule::kLinspace, i, 20),
              MaskRate(MaskSchedule::kLinspace, i - 1, 20));
  }
}

// torch.cos(torch.linspace(0, 1, 10)[6] * pi / 2) is just under one half: of 66
// blocks 32 are masked, not 33.
TEST(MaskRate, IsRoundedAsTorchRoundsIt) {
  EXPECT_EQ(MaskRate(MaskSchedule::kLinspace, 6, 10), 0.49999997f);
  EXPECT_EQ(MaskRate(MaskSchedule::kLinspace, 12, 20), 0.5469482f);
}

TEST(MaskRate, ASingleStepMasksEverything) {
  EXPECT_EQ(MaskRate(MaskSchedule::kLinspace, 0, 1), 1.0f);
  EXPECT_EQ(MaskRate(MaskSchedule::kPaper, 0, 1), 1.0f);
}

TEST(MaskRate, PaperNeverReachesZero) {
  EXPECT_EQ(MaskRate(MaskSchedule::kPaper, 0, 10), 1.0f);
  EXPECT_NEAR(MaskRate(MaskSchedule::kPaper, 9, 10), std::cos(M_PI / 2 * 0.9), 1e-6);
}

TEST(Guidance, RunsFromMaxToMin) {
  SamplingSpec sampling;
  for (const int stage : {0, 3}) {
    EXPECT_DOUBLE_EQ(GuidanceCoefficient(stage, 1.0f, sampling), 10.0);
    EXPECT_DOUBLE_EQ(GuidanceCoefficient(stage, 0.0f, sampling), 1.0);
    EXPECT_DOUBLE_EQ(GuidanceCoefficient(stage, 0.5f, sampling), 5.5);
  }
}

// Breaks where the first codebook loses its guidance, or later ones keep it and cost two branches.
TEST(Guidance, LaterCodebooksMayHaveAShareOrNone) {
  SamplingSpec sampling;
  sampling.later_guidance = 0.5;
  EXPECT_DOUBLE_EQ(GuidanceCoefficient(0, 1.0f, sampling), 10.0);
  EXPECT_DOUBLE_EQ(GuidanceCoefficient(1, 1.0f, sampling), 5.5);
  EXPECT_DOUBLE_EQ(GuidanceCoefficient(1, 0.0f, sampling), 1.0);
  sampling.later_guidance = 0;
  EXPECT_TRUE(GuidanceIsNeutral(GuidanceCoefficient(1, 1.0f, sampling)));
  EXPECT_FALSE(GuidanceIsNeutral(GuidanceCoefficient(0, 1.0f, sampling)));
}

TEST(Guidance, IsNeutralOnlyAtTheLastLinspaceStep) {
  const SamplingSpec sampling;
  for (int i = 0; i < 20; ++i) {
    const float rate = MaskRate(MaskSchedule::kLinspace, i, 20);
    EXPECT_EQ(GuidanceIsNeutral(GuidanceCoefficient(0, rate, sampling)), i == 19) << "step " << i;
  }
}

// Breaks where the first codebook is drawn at another temperature than asked for, or later ones
// at the first's.
TEST(StepTemperature, LaterCodebooksMayHaveTheirOwn) {
  SamplingSpec sampling;
  sampling.anneal_temperature = false;
  sampling.later_temperature = 0.5;
  EXPECT_DOUBLE_EQ(StepTemperature(sampling, 0, 3, 20), 3.0);
  EXPECT_DOUBLE_EQ(StepTemperature(sampling, 1, 3, 20), 1.5);
  EXPECT_DOUBLE_EQ(StepTemperature(sampling, 3, 3, 20), 1.5);
  sampling.temperature = 0.01;
  EXPECT_DOUBLE_EQ(StepTemperature(sampling, 1, 3, 20), 0.01);
}

TEST(StepTemperature, AnnealsToTheFloor) {
  SamplingSpec sampling;
  EXPECT_DOUBLE_EQ(StepTemperature(sampling, 0, 0, 20), 3.0 * 19 / 20);
  EXPECT_DOUBLE_EQ(StepTemperature(sampling, 0, 18, 20), 3.0 * 1 / 20);
  EXPECT_DOUBLE_EQ(StepTemperature(sampling, 0, 19, 20), 0.01);
  sampling.anneal_temperature = false;
  EXPECT_DOUBLE_EQ(StepTemperature(sampling, 0, 19, 20), 3.0);
}

}  // namespace
}  // namespace magnet
