// Philox 4x32-10: random numbers as a pure function of a key and a counter
// (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011).
//
// A draw depends on nothing but the seed and the place it is for, so a seed
// gives the same tokens whatever else runs.
#ifndef MAGNET_MODEL_MAGNET_PHILOX_H_
#define MAGNET_MODEL_MAGNET_PHILOX_H_

#include <array>
#include <cstdint>

namespace magnet {

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

// Ten rounds. Equals the known-answer vectors of the Random123 library.
PhiloxCounter Philox4x32(PhiloxCounter counter, PhiloxKey key);

// The place of a draw inside a clip.
struct DrawPosition {
  uint32_t window = 0;
  uint32_t stage = 0;  // < 2^16
  uint32_t step = 0;   // < 2^16
  uint32_t frame = 0;  // inside the window
};

// A uniform number in (0, 1) for the `draw`-th draw at a position.
double UniformAt(uint64_t seed, const DrawPosition& position, uint32_t draw);

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_PHILOX_H_
