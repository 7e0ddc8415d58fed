#include "model/magnet/sampler.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace magnet {
namespace {

// The token into whose share of the mass `uniform` falls.
int DrawFrom(std::span<const float> masses, double uniform) {
  double left = uniform * std::accumulate(masses.begin(), masses.end(), 0.0);
  int last = 0;
  for (size_t i = 0; i < masses.size(); ++i) {
    if (masses[i] <= 0) continue;
    last = static_cast<int>(i);
    left -= masses[i];
    if (left < 0) break;
  }
  return last;
}

}  // namespace

RowSampler::RowSampler(const RowSampling& sampling, int card)
    : sampling_(sampling), logits_(card), probs_(card), scratch_(card) {}

bool RowSampler::Softmax(std::span<const float> cond, std::span<const float> uncond,
                         std::span<const float> after) {
  const size_t card = logits_.size();
  const float guidance = static_cast<float>(sampling_.guidance);
  const float weight = static_cast<float>(sampling_.neighbour_weight);
  float largest = -std::numeric_limits<float>::infinity();
  bool finite = true;
  for (size_t i = 0; i < card; ++i) {
    logits_[i] = uncond.empty() ? cond[i] : uncond[i] + (cond[i] - uncond[i]) * guidance;
    if (!after.empty()) logits_[i] += weight * after[i];
    finite &= std::isfinite(logits_[i]);
    largest = std::max(largest, logits_[i]);
  }
  if (!finite) return false;
  const float temperature = static_cast<float>(sampling_.temperature);
  float total = 0;
  for (size_t i = 0; i < card; ++i) {
    probs_[i] = std::exp(logits_[i] / temperature - largest / temperature);
    total += probs_[i];
  }
  for (float& p : probs_) p /= total;
  return true;
}

int RowSampler::Argmax() const {
  return static_cast<int>(std::max_element(logits_.begin(), logits_.end()) - logits_.begin());
}

// In the order of falling probability (equals by index), the mass before a
// token of the nucleus is at most p.
bool RowSampler::InNucleus(int token) const {
  const float mine = probs_[token];
  double before = 0;
  for (int i = 0; i < static_cast<int>(probs_.size()); ++i) {
    if (probs_[i] > mine || (probs_[i] == mine && i < token)) before += probs_[i];
  }
  return before <= sampling_.top_p;
}

// Rejection: a draw from the whole distribution that falls into the nucleus is
// a draw from the nucleus, and needs no sorting. It takes 1 / top_p tries on
// average; where a tiny top_p takes too many, the nucleus is looked for instead.
int RowSampler::DrawTopP(const DrawPosition& position) {
  constexpr uint32_t kMaxTries = 1024;
  for (uint32_t draw = 0; draw < kMaxTries; ++draw) {
    const int token = DrawFrom(probs_, UniformAt(sampling_.seed, position, draw));
    if (InNucleus(token)) return token;
  }
  KeepNucleus();
  return DrawFrom(scratch_, UniformAt(sampling_.seed, position, kMaxTries));
}

void RowSampler::KeepNucleus() {
  for (size_t i = 0; i < probs_.size(); ++i) {
    scratch_[i] = InNucleus(static_cast<int>(i)) ? probs_[i] : 0.0f;
  }
}

void RowSampler::KeepTopK() {
  const size_t k = std::min<size_t>(sampling_.top_k, probs_.size());
  scratch_ = probs_;
  std::nth_element(scratch_.begin(), scratch_.begin() + (k - 1), scratch_.end(),
                   std::greater<float>());
  const float smallest = scratch_[k - 1];
  float total = 0;
  for (float& p : probs_) {
    if (p < smallest) p = 0;
    total += p;
  }
  for (float& p : probs_) p /= total;
}

std::optional<SampledToken> RowSampler::Sample(std::span<const float> cond,
                                               std::span<const float> uncond,
                                               const DrawPosition& position,
                                               std::span<const float> after) {
  if (!Softmax(cond, uncond, after)) return std::nullopt;
  int token;
  if (sampling_.greedy) {
    token = Argmax();
  } else if (sampling_.top_p > 0) {
    token = DrawTopP(position);
  } else {
    if (sampling_.top_k > 0) KeepTopK();
    token = DrawFrom(probs_, UniformAt(sampling_.seed, position, /*draw=*/0));
  }
  return SampledToken{token, probs_[token]};
}

std::vector<float> RowSampler::Distribution(std::span<const float> cond,
                                            std::span<const float> uncond,
                                            std::span<const float> after) {
  if (!Softmax(cond, uncond, after)) return {};
  if (sampling_.top_p <= 0) {
    if (sampling_.top_k > 0) KeepTopK();
    return probs_;
  }
  KeepNucleus();
  std::vector<float> kept = scratch_;
  const float total = std::accumulate(kept.begin(), kept.end(), 0.0f);
  for (float& p : kept) p /= total;
  return kept;
}

}  // namespace magnet
