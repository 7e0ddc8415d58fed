// Attention of one query of one head to neighbouring keys, in plain loops.
#ifndef MAGNET_MODEL_MAGNET_ATTEND_ROW_H_
#define MAGNET_MODEL_MAGNET_ATTEND_ROW_H_

#include <cstdint>
#include <vector>

namespace magnet {

// The keys [first, end), at least one, and their values. Strides: floats from one
// to the next.
struct AttendedKeys {
  const float* keys = nullptr;
  const float* values = nullptr;
  const float* score_bias = nullptr;  // [end], added to the scaled scores; null: nothing
  int64_t first = 0, end = 0;
  int64_t key_stride = 0, value_stride = 0;
};

// out [width] = softmax(query k^T / sqrt(width) + bias) v. `scores` is work space,
// resized as needed.
void AttendRow(const float* query, const AttendedKeys& keys, int64_t width,
               std::vector<float>& scores, float* out);

// Sum of a[i] b[i].
float Dot(const float* a, const float* b, int64_t count);

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_ATTEND_ROW_H_
