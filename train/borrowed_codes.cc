#include "train/borrowed_codes.h"

#include <algorithm>
#include <cstdlib>

namespace magnet {
namespace {

constexpr int64_t kCandidates = 16;

// A batch's spans by the frame that they begin at, S = T - kBorrowedFrames + 1 of each item.
struct Spans {
  int64_t per_item;
  torch::Tensor nearest;  // [B S, candidates] int64, the most alike first

  int64_t item(int64_t span) const { return span / per_item; }
  int64_t begin(int64_t span) const { return span % per_item; }

  bool Overlap(int64_t a, int64_t b) const {
    return item(a) == item(b) && std::abs(begin(a) - begin(b)) < kBorrowedFrames;
  }
};

Spans CompareSpans(const torch::Tensor& codes, const torch::Tensor& centroids) {
  const int64_t per_item = codes.size(2) - kBorrowedFrames + 1;
  const torch::Tensor first = codes.select(1, 0).narrow(1, 0, per_item).flatten();
  const torch::Tensor sounds = centroids.index_select(0, first).to(torch::kFloat);
  const int64_t count = std::min(kCandidates, first.size(0));
  return {per_item, std::get<1>(torch::cdist(sounds, sounds).topk(count, 1, /*largest=*/false))};
}

}  // namespace

torch::Tensor BorrowLaterCodes(const torch::Tensor& codes, const torch::Tensor& centroids,
                               int64_t count, DrawStream& draws) {
  const int64_t num_codebooks = codes.size(1);
  const Spans spans = CompareSpans(codes, centroids);
  const auto nearest = spans.nearest.accessor<int64_t, 2>();
  const auto part = [&](const torch::Tensor& of, int64_t span, int64_t codebook) {
    return of[spans.item(span)]
        .narrow(0, codebook, num_codebooks - codebook)
        .narrow(1, spans.begin(span), kBorrowedFrames);
  };
  torch::Tensor borrowed = codes.clone();
  for (int64_t item = 0; item < count; ++item) {
    const int64_t codebook = 1 + draws.Below(num_codebooks - 1);
    const double share = draws.Uniform();
    for (int64_t begin = 0; begin < spans.per_item; begin += kBorrowedFrames) {
      const int64_t span = item * spans.per_item + begin;
      const int64_t lender = nearest[span][draws.Below(nearest.size(1))];
      if (draws.Uniform() < share || spans.Overlap(span, lender)) continue;
      part(borrowed, span, codebook).copy_(part(codes, lender, codebook));
    }
  }
  return borrowed;
}

}  // namespace magnet
