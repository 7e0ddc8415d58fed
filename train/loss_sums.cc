#include "train/loss_sums.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"

namespace magnet {

LossSums::LossSums(int num_stages)
    : num_stages_(num_stages), sums_(torch::zeros({2, num_stages + 3})) {}

void LossSums::Count(int kind, int64_t entries) { sums_[1][kind] += entries; }

void LossSums::Add(int kind, const torch::Tensor& loss) { sums_[0][kind] += loss.item<float>(); }

double LossSums::Divisor(int kind) const { return std::max(sums_[1][kind].item<double>(), 1.0); }

double LossSums::DivisorOfCodes() const {
  return std::max(entries().narrow(0, 0, num_stages_).sum().item<double>(), 1.0);
}

double LossSums::MeanOfCodes() const {
  return losses().narrow(0, 0, num_stages_).sum().item<double>() / DivisorOfCodes();
}

Metrics LossSums::Means() const {
  Metrics means;
  const auto put = [&](const std::string& name, int kind) {
    if (sums_[1][kind].item<double>() == 0) return;
    means[name] = sums_[0][kind].item<double>() / Divisor(kind);
  };
  for (int stage = 0; stage < num_stages_; ++stage) put(absl::StrCat("loss_stage", stage), stage);
  put("loss_annotations", annotations());
  put("loss_beats", beats());
  put("loss_text", texts());
  return means;
}

}  // namespace magnet
