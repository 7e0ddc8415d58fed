// Clips as codes, ready to train on: what `magnet-train encode` writes.
//
//   index.json                 the codec's sizes and fingerprint, shards and clips
//   shard-00000.safetensors    codes [frames of all clips, K] int16
//                              offsets [clips + 1] int64, first frame of each clip
//                              rows [bytes] uint8, the clips' rows as JSON lines
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_CODE_SHARDS_H_
#define MAGNET_TRAIN_CODE_SHARDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/torch.h"
#include "train/musicbench_row.h"

namespace magnet {

struct CodeSetInfo {
  int num_codebooks = 0;
  int card = 0;  // at most 32,767
  double frame_rate_hz = 0;
  std::string codec_fingerprint;  // of the codec that made the codes (codec_folder.h)
};

class CodeShardWriter {
 public:
  // Creates the folder; a data set that is there is replaced as shards are written.
  static absl::StatusOr<CodeShardWriter> Create(const std::string& folder, CodeSetInfo info,
                                                int clips_per_shard = 2048);

  // codes [K, T] int64, T >= 1, in [0, card).
  absl::Status Add(const MusicBenchRow& row, const torch::Tensor& codes);

  // Writes the last shard, then the index: without it there is no data set.
  absl::Status Finish();

  int64_t num_clips() const { return num_clips_; }

 private:
  CodeShardWriter(std::string folder, CodeSetInfo info, int clips_per_shard)
      : folder_(std::move(folder)), info_(std::move(info)), clips_per_shard_(clips_per_shard) {}

  absl::Status WriteShard();

  std::string folder_;
  CodeSetInfo info_;
  int clips_per_shard_;
  std::vector<torch::Tensor> codes_;  // [T, K] int16 each, of the open shard
  std::string rows_;                  // of the open shard
  int num_shards_ = 0;
  int64_t num_clips_ = 0;
};

// A data set opened for reading. Codes stay mapped, rows are in memory.
class CodeSet {
 public:
  // Errors name the file and what is wrong with it.
  static absl::StatusOr<CodeSet> Open(const std::string& folder);

  const CodeSetInfo& info() const { return info_; }
  int64_t size() const { return static_cast<int64_t>(clips_.size()); }
  const MusicBenchRow& row(int64_t clip) const { return clips_[clip].row; }
  int64_t num_frames(int64_t clip) const { return clips_[clip].codes.size(0); }

  // Frames [begin, begin + count) of a clip, [K, count] int64.
  torch::Tensor Codes(int64_t clip, int64_t begin, int64_t count) const;

 private:
  struct Clip {
    MusicBenchRow row;
    torch::Tensor codes;  // [T, K] int16
  };

  absl::Status AddShard(const std::string& path);

  CodeSetInfo info_;
  std::vector<Clip> clips_;
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_CODE_SHARDS_H_
