#include "client/percentile.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace magnet::client {

double Percentile(const std::vector<double>& sorted, double percent) {
  const double count = static_cast<double>(sorted.size());
  // Whole counts times whole percents are exact; dividing first would not be.
  const double rank = std::ceil(percent * count / 100);
  return sorted[static_cast<size_t>(std::clamp(rank, 1., count)) - 1];
}

Distribution Describe(std::vector<double> values) {
  Distribution described;
  if (values.empty()) return described;
  std::sort(values.begin(), values.end());
  described.count = static_cast<int>(values.size());
  described.mean = std::accumulate(values.begin(), values.end(), 0.) / described.count;
  described.p50 = Percentile(values, 50);
  described.p90 = Percentile(values, 90);
  described.p99 = Percentile(values, 99);
  described.max = values.back();
  return described;
}

}  // namespace magnet::client
