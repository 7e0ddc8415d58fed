// Philox 4x32-10: random numbers as a pure function of a key and a counter
// (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011).
//
// A draw depends on nothing but the seed and the place it is for, so a seed
// gives the same tokens whatever else runs. constexpr, so that the kernels of a
// GPU compile the same source.
#ifndef MAGNET_MODEL_MAGNET_PHILOX_H_
#define MAGNET_MODEL_MAGNET_PHILOX_H_

#include <array>
#include <cstdint>

namespace magnet {

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

constexpr PhiloxCounter PhiloxRound(const PhiloxCounter& c, const PhiloxKey& key) {
  const uint64_t product0 = uint64_t{0xD2511F53} * c[0];
  const uint64_t product1 = uint64_t{0xCD9E8D57} * c[2];
  return {static_cast<uint32_t>(product1 >> 32) ^ c[1] ^ key[0], static_cast<uint32_t>(product1),
          static_cast<uint32_t>(product0 >> 32) ^ c[3] ^ key[1], static_cast<uint32_t>(product0)};
}

// Ten rounds. Equals the known-answer vectors of the Random123 library.
constexpr PhiloxCounter Philox4x32(PhiloxCounter counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    counter = PhiloxRound(counter, key);
    key[0] += 0x9E3779B9;  // Weyl sequences
    key[1] += 0xBB67AE85;
  }
  return counter;
}

// The place of a draw inside a clip.
struct DrawPosition {
  uint32_t window = 0;
  uint32_t stage = 0;  // < 2^16
  uint32_t step = 0;   // < 2^16
  uint32_t frame = 0;  // inside the window
};

// A uniform number in (0, 1) for the `draw`-th draw at a position.
constexpr double UniformAt(uint64_t seed, const DrawPosition& position, uint32_t draw) {
  const PhiloxCounter counter = {position.frame, position.stage << 16 | position.step,
                                 position.window, draw / 4};
  const PhiloxKey key = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
  return (Philox4x32(counter, key)[draw % 4] + 0.5) * 0x1p-32;
}

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_PHILOX_H_
