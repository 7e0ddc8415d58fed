#include "train/draw_stream.h"

#include <cmath>
#include <numeric>
#include <utility>

#include "model/magnet/philox.h"

namespace magnet {

DrawStream::DrawStream(uint64_t seed, DrawPurpose purpose, uint64_t step, uint32_t item)
    : seed_(seed), step_(step), item_(item), purpose_(static_cast<uint32_t>(purpose)) {}

uint64_t DrawStream::Bits() {
  // The purpose shares a word with the step's upper half: steps stay under 2^56.
  const PhiloxCounter place = {static_cast<uint32_t>(step_),
                               static_cast<uint32_t>(step_ >> 32) | purpose_ << 24, item_,
                               num_drawn_++};
  const PhiloxKey key = {static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32)};
  const PhiloxCounter words = Philox4x32(place, key);
  return static_cast<uint64_t>(words[1]) << 32 | words[0];
}

double DrawStream::Uniform() { return static_cast<double>(Bits() >> 11) * 0x1p-53; }

int64_t DrawStream::Below(int64_t count) {
  return static_cast<int64_t>(std::floor(Uniform() * static_cast<double>(count)));
}

std::vector<int64_t> DrawStream::Permutation(int64_t count) {
  std::vector<int64_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = count - 1; i > 0; --i) std::swap(order[i], order[Below(i + 1)]);
  return order;
}

}  // namespace magnet
