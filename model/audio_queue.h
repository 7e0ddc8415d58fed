// Where codes become sound: on a CPU at once, on a GPU in a stream of the codec's own, beside the
// steps of the transformer.
#ifndef MAGNET_MODEL_AUDIO_QUEUE_H_
#define MAGNET_MODEL_AUDIO_QUEUE_H_

#include <memory>
#include <optional>

#include "absl/functional/function_ref.h"
#include "model/generator.h"
#include "model/torch.h"

namespace magnet {

// One thread at a time.
class AudioQueue {
 public:
  using Decode = absl::FunctionRef<torch::Tensor(const torch::Tensor& codes)>;

  explicit AudioQueue(torch::Device device);

  // No samples.
  static std::unique_ptr<PendingAudio> None();

  // Calls `decode` with `codes` on the device; what it returns there, [n], becomes the samples.
  // On a GPU it returns when all is enqueued: nothing that `decode` calls may wait for the device,
  // and tensors that it leaves behind are for later calls of this queue alone.
  std::unique_ptr<PendingAudio> Run(const torch::Tensor& codes, Decode decode);

 private:
  std::unique_ptr<PendingAudio> Enqueue(const torch::Tensor& codes, Decode decode);

  std::optional<c10::Stream> stream_;  // of a GPU
};

}  // namespace magnet

#endif  // MAGNET_MODEL_AUDIO_QUEUE_H_
