// If these fail, a seed no longer means the same music on every machine.
#include "model/magnet/philox.h"

#include <gtest/gtest.h>

#include <set>

namespace magnet {
namespace {

// The known answers of the Random123 library's kat_vectors for philox4x32-10.
TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}),
            (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(UniformAt, DiffersAtEveryPositionAndDraw) {
  std::set<double> seen;
  int count = 0;
  for (uint32_t window : {0u, 1u})
    for (uint32_t stage : {0u, 3u})
      for (uint32_t step : {0u, 1u, 19u})
        for (uint32_t frame : {0u, 1u, 497u})
          for (uint32_t draw = 0; draw < 9; ++draw) {
            seen.insert(UniformAt(7, {window, stage, step, frame}, draw));
            ++count;
          }
  EXPECT_EQ(static_cast<int>(seen.size()), count);
}

TEST(UniformAt, UsesAllBitsOfTheSeed) {
  EXPECT_NE(UniformAt(1, {}, 0), UniformAt(1 + (uint64_t{1} << 32), {}, 0));
}

TEST(UniformAt, IsUniform) {
  constexpr int kDraws = 100000, kBins = 10;
  int bins[kBins] = {};
  for (uint32_t i = 0; i < kDraws; ++i) {
    const double u = UniformAt(3, {0, 0, 0, i}, 0);
    ASSERT_GT(u, 0.0);
    ASSERT_LT(u, 1.0);
    ++bins[static_cast<int>(u * kBins)];
  }
  // Five standard deviations of a binomial count.
  for (const int bin : bins) EXPECT_NEAR(bin, double{kDraws} / kBins, 5 * 95);
}

}  // namespace
}  // namespace magnet
