#include "model/magnet/mask_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace magnet {
namespace {

// torch.linspace(0, 1, n)[i]: counted from the nearer end, with one rounding.
float Linspace01(int i, int n) {
  if (n == 1) return 0.0f;
  const float stride = 1.0f / static_cast<float>(n - 1);
  if (i < n / 2) return stride * static_cast<float>(i);
  return std::fma(-stride, static_cast<float>(n - 1 - i), 1.0f);
}

}  // namespace

float MaskRate(MaskSchedule schedule, int step, int num_steps) {
  const float time = schedule == MaskSchedule::kLinspace
                         ? Linspace01(step, num_steps)
                         : static_cast<float>(step) / static_cast<float>(num_steps);
  // torch's float32 cosine is rounded correctly, which the C library's is not.
  return static_cast<float>(std::cos(double{time * std::numbers::pi_v<float> * 0.5f}));
}

double GuidanceCoefficient(int stage, float rate, const SamplingSpec& sampling) {
  const double r = rate;
  const double first = r * sampling.guidance_max + (1 - r) * sampling.guidance_min;
  const double share = stage == 0 ? 1 : sampling.later_guidance;
  // Taken off rather than built up: a share of 1 leaves the reference's coefficient to the bit.
  return first - (1 - share) * (first - 1);
}

bool GuidanceIsNeutral(double coefficient) { return std::abs(coefficient - 1.0) < 1e-6; }

double StepTemperature(const SamplingSpec& sampling, int stage, int step, int num_steps) {
  constexpr double kColdest = 0.01;
  const double steps_left = num_steps - 1 - step;
  const double share = sampling.anneal_temperature ? steps_left / num_steps : 1.0;
  const double of_stage = stage == 0 ? 1.0 : sampling.later_temperature;
  return std::max(sampling.temperature * share * of_stage, kColdest);
}

}  // namespace magnet
