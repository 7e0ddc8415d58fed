// Percentiles of measured values.
#ifndef MAGNET_CLIENT_PERCENTILE_H_
#define MAGNET_CLIENT_PERCENTILE_H_

#include <vector>

namespace magnet::client {

// A handful of numbers that describe many.
struct Distribution {
  int count = 0;  // the rest is 0 when this is
  double mean = 0;
  double p50 = 0;
  double p90 = 0;
  double p99 = 0;
  double max = 0;
};

// The nearest-rank percentile: the smallest value that at least `percent` % of
// `sorted` (ascending, not empty) do not exceed. It is always a value that was
// measured. percent: (0, 100].
double Percentile(const std::vector<double>& sorted, double percent);

Distribution Describe(std::vector<double> values);

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_PERCENTILE_H_
