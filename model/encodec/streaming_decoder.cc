#include "model/encodec/streaming_decoder.h"

#include <algorithm>
#include <utility>

namespace magnet {
namespace {

// What is held back is the larger of what the beginning needs and what goes on
// being needed, so the first frame and one far from it tell all.
int LookAheadFrames(const LayerStream& stream, int64_t hop_length) {
  constexpr int64_t kFarFrame = 1 << 20;
  int64_t look_ahead = 0;
  for (const int64_t frame : {int64_t{1}, kFarFrame}) {
    look_ahead = std::max(look_ahead, stream.InputsNeeded(frame * hop_length) - frame);
  }
  return static_cast<int>(look_ahead);
}

}  // namespace

StreamingDecoder::StreamingDecoder(EncodecModel model)
    : model_(std::move(model)),
      stream_(model_->decoder()->NewStream()),
      look_ahead_frames_(LookAheadFrames(*stream_, model_->config().hop_length())) {}

torch::Tensor StreamingDecoder::Push(const torch::Tensor& codes, bool last) {
  TORCH_CHECK(!ended_, "codes were pushed after the last ones");
  const torch::InferenceMode inference;
  ended_ = last;
  empty_ = empty_ && codes.size(1) == 0;
  const torch::Tensor latent = model_->quantizer()->Decode(codes.unsqueeze(0));  // [1, D, t]
  if (empty_) return latent.new_empty({0});
  return stream_->Push(latent, last).flatten();
}

}  // namespace magnet
