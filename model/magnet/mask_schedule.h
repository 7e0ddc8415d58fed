// How much is masked, how strong guidance is and how hot sampling is, step by
// step of a stage.
#ifndef MAGNET_MODEL_MAGNET_MASK_SCHEDULE_H_
#define MAGNET_MODEL_MAGNET_MASK_SCHEDULE_H_

#include "model/generation_spec.h"

namespace magnet {

// The mask rate of `step` (from 0) of `num_steps`: 1 at the first step, falling
// along a cosine. In float32, operation by operation as the reference does it,
// because the rate times a count is truncated to a whole number.
//   kLinspace: cos(pi/2 * i/(s-1)); 1 when there is a single step
//   kPaper:    cos(pi/2 * i/s)
// The end of kLinspace is a rate of about -4e-8, as in the reference.
float MaskRate(MaskSchedule schedule, int step, int num_steps);

// rate * max + (1 - rate) * min, in double; of codebooks after the first, the
// part over 1 times later_guidance.
double GuidanceCoefficient(int stage, float rate, const SamplingSpec& sampling);

// The weight of the null branch, 1 - coefficient, is below what float32 logits
// can show: running that branch cannot change the outcome.
bool GuidanceIsNeutral(double coefficient);

// What the logits are divided by, in codebooks after the first times later_temperature; never
// under 0.01.
double StepTemperature(const SamplingSpec& sampling, int stage, int step, int num_steps);

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_MASK_SCHEDULE_H_
