// Decodes codes to a waveform chunk by chunk.
#ifndef MAGNET_MODEL_ENCODEC_STREAMING_DECODER_H_
#define MAGNET_MODEL_ENCODEC_STREAMING_DECODER_H_

#include <cstdint>
#include <memory>

#include "model/encodec/encodec_model.h"
#include "model/encodec/seanet_layer.h"
#include "model/torch.h"

namespace magnet {

// One clip's decoding. What the calls of Push return, put together, equals
// EncodecModel::Decode of all codes within 1e-4 (in float32), whatever the chunks' sizes.
// Every layer carries its own state (LSTM state, last inputs of a convolution,
// unfinished outputs of a transposed one), so a frame costs the same wherever
// it stands, and memory does not grow with the clip. The bytes of a sample
// depend, in rounding, on the chunks: who promises equal bytes pushes chunks of
// equal sizes. One thread at a time; streams of one model are independent.
class StreamingDecoder {
 public:
  // Keeps `model` alive; its weights must not change before the last Push.
  explicit StreamingDecoder(EncodecModel model);

  // Takes the next codes [k, t], t >= 0, as EncodecModel::Decode, and returns
  // the samples that no later frame can change, [n], on the model's device.
  // `last`: these are the clip's last frames; all samples left are returned,
  // and nothing may be pushed after that. The samples of a whole clip are its
  // frames times hop_length.
  torch::Tensor Push(const torch::Tensor& codes, bool last);

  // Frames whose samples may still be held back: after n frames at least
  // (n - look_ahead_frames) * hop_length samples have been returned. From the
  // configuration: kernels and ratios of a codec that is not causal, and at the
  // beginning, with reflection, the frames that the padding repeats.
  int look_ahead_frames() const { return look_ahead_frames_; }

 private:
  EncodecModel model_;
  std::unique_ptr<LayerStream> stream_;
  int look_ahead_frames_;
  bool empty_ = true;   // no frame was pushed yet
  bool ended_ = false;  // `last` was given
};

}  // namespace magnet

#endif  // MAGNET_MODEL_ENCODEC_STREAMING_DECODER_H_
