// Changes the sample rate of a stream by a ratio of whole numbers.
#ifndef MAGNET_SERVER_STREAMING_RESAMPLER_H_
#define MAGNET_SERVER_STREAMING_RESAMPLER_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace magnet {

// A polyphase low-pass: a sinc of 32 zero crossings to either side under a Kaiser
// window (beta 9, about -90 dB), without delay: output sample k lies at the time
// of input sample k * from / to. Outside the stream the input counts as silence.
// For rates that are equal it copies. Not thread-safe.
class StreamingResampler {
 public:
  // Both > 0, in Hz.
  StreamingResampler(int from_rate, int to_rate);

  // The output that became certain with these samples.
  std::vector<float> Process(absl::Span<const float> samples);

  // The rest. All calls together give ceil(samples * to / from) samples.
  std::vector<float> Finish();

 private:
  float Interpolate(int64_t output_index) const;

  int64_t from_;  // both rates without their common factor
  int64_t to_;
  int64_t half_width_;                    // input samples to either side of an output
  std::vector<std::vector<float>> taps_;  // [to_][2 * half_width_]
  std::vector<float> history_;            // input from first_input_ on
  int64_t first_input_ = 0;
  int64_t num_inputs_ = 0;   // seen so far
  int64_t num_outputs_ = 0;  // given so far
};

}  // namespace magnet

#endif  // MAGNET_SERVER_STREAMING_RESAMPLER_H_
