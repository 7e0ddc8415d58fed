#include "train/borrowed_codes.h"

#include <gtest/gtest.h>

namespace magnet {
namespace {

constexpr int64_t kItems = 4, kCodebooks = 3, kFrames = 12;

// Items of two sounds by turns; the later codebooks say where a frame is from.
torch::Tensor TelltaleCodes() {
  torch::Tensor codes = torch::arange(kItems * kFrames).view({kItems, 1, kFrames});
  codes = codes.repeat({1, kCodebooks, 1});
  for (int64_t item = 0; item < kItems; ++item) codes[item][0].fill_(item % 2);
  return codes;
}

torch::Tensor Borrow(int64_t count, uint64_t step = 0) {
  DrawStream draws(/*seed=*/1, DrawPurpose::kBorrowed, step, /*item=*/0);
  return BorrowLaterCodes(TelltaleCodes(), torch::tensor({{0.0}, {9.0}}), count, draws);
}

// Breaks where the decoder would be taught that the first codebook may be wrong, or where the
// items that keep the waveform lose it.
TEST(BorrowedCodesTest, KeepTheFirstCodebookAndTheOtherItems) {
  const torch::Tensor codes = TelltaleCodes(), borrowed = Borrow(2);
  EXPECT_TRUE(torch::equal(borrowed.select(1, 0), codes.select(1, 0)));
  EXPECT_TRUE(torch::equal(borrowed.narrow(0, 2, 2), codes.narrow(0, 2, 2)));
  EXPECT_FALSE(torch::equal(borrowed.narrow(0, 0, 2), codes.narrow(0, 0, 2)));
}

// Breaks where a frame gets the codes of another sound, or spans fall apart.
TEST(BorrowedCodesTest, ComeInSpansFromWhereItSoundsAlike) {
  for (uint64_t step = 0; step < 20; ++step) {
    const torch::Tensor borrowed = Borrow(kItems, step);
    for (int64_t item = 0; item < kItems; ++item) {
      const torch::Tensor from = borrowed[item][kCodebooks - 1];
      for (int64_t frame = 0; frame < kFrames; ++frame) {
        const int64_t source = from[frame].item<int64_t>();
        EXPECT_EQ(source / kFrames % 2, item % 2) << "sounds otherwise";
        const int64_t first = from[frame - frame % kBorrowedFrames].item<int64_t>();
        EXPECT_EQ(source, first + frame % kBorrowedFrames) << "not of one span";
      }
    }
  }
}

// Breaks where all items would lose all their later codebooks: a language model is surer of the
// second codebook than of the last.
TEST(BorrowedCodesTest, LaterCodebooksComeFromElsewhereMoreOften) {
  int64_t second = 0, third = 0;
  for (uint64_t step = 0; step < 20; ++step) {
    const torch::Tensor elsewhere = Borrow(kItems, step).ne(TelltaleCodes());
    second += elsewhere.select(1, 1).sum().item<int64_t>();
    third += elsewhere.select(1, 2).sum().item<int64_t>();
  }
  EXPECT_GT(second, 0);
  EXPECT_GT(third, second + second / 2);
}

}  // namespace
}  // namespace magnet
