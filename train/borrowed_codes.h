// Codes such as a language model samples them: right in what sounds, beside it in the
// waveform.
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_BORROWED_CODES_H_
#define MAGNET_TRAIN_BORROWED_CODES_H_

#include <cstdint>

#include "model/torch.h"
#include "train/draw_stream.h"

namespace magnet {

// Frames that are exchanged together: the span that decoding samples at once.
inline constexpr int64_t kBorrowedFrames = 3;

// codes [B, K, T] int64 on the CPU, K >= 2, T >= kBorrowedFrames -> the same, where the first
// `count` items have later codebooks from elsewhere. Each of these items keeps the codebooks
// before one drawn from the second to the last, and of its spans a share drawn from 0 to 1; the
// other spans get theirs from one of the spans of the batch that sound most alike at
// their first frame. `centroids` [C, D]: of the first codebook, whose distance tells that.
torch::Tensor BorrowLaterCodes(const torch::Tensor& codes, const torch::Tensor& centroids,
                               int64_t count, DrawStream& draws);

}  // namespace magnet

#endif  // MAGNET_TRAIN_BORROWED_CODES_H_
