// From the logits of one frame to a token: guidance, temperature, softmax, the
// top-p or top-k cut and the draw, in passes over one row of `card` floats.
#ifndef MAGNET_MODEL_MAGNET_SAMPLER_H_
#define MAGNET_MODEL_MAGNET_SAMPLER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/generation_spec.h"
#include "model/magnet/philox.h"

namespace magnet {

// How the rows of one step are sampled.
struct RowSampling {
  bool greedy = false;
  double guidance = 1.0;     // coefficient of (cond - uncond)
  double temperature = 1.0;  // >= 0.01
  double top_p = 0.0;        // 0: off
  int top_k = 0;             // 0: off; top_p wins
  uint64_t seed = 0;
  double neighbour_weight = 0;
};

struct SampledToken {
  int token = 0;
  // Its probability, which scores its span: after temperature, before the top-p
  // cut; with top-k, renormalised over what is kept (the reference's behaviour).
  float probability = 0;
};

// Samples rows one after the other; keeps its buffers. Not thread-safe: one per
// thread. Greedy takes the argmax of the guided logits (the first of equals).
class RowSampler {
 public:
  RowSampler(const RowSampling& sampling, int card);

  // `cond` and `uncond` hold `card` logits; `uncond` empty: no guidance.
  // `after` [card], of the token before: how much likelier each token is after it
  // (LmConfig::neighbour_tables), added to the guided logits by the neighbour weight;
  // empty: not known. nullopt: a guided logit is not finite.
  std::optional<SampledToken> Sample(std::span<const float> cond, std::span<const float> uncond,
                                     const DrawPosition& position,
                                     std::span<const float> after = {});

  // What Sample draws from: the distribution after temperature and cut, summing
  // to 1. For tests and tools.
  std::vector<float> Distribution(std::span<const float> cond, std::span<const float> uncond,
                                  std::span<const float> after = {});

 private:
  bool Softmax(std::span<const float> cond, std::span<const float> uncond,
               std::span<const float> after);
  int Argmax() const;
  int DrawTopP(const DrawPosition& position);
  void KeepTopK();
  void KeepNucleus();  // into scratch_
  bool InNucleus(int token) const;

  const RowSampling sampling_;
  std::vector<float> logits_;   // [card], guided
  std::vector<float> probs_;    // [card]
  std::vector<float> scratch_;  // [card], for the k-th largest and for the nucleus
};

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_SAMPLER_H_
