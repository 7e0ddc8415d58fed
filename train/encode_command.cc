#include "train/encode_command.h"

#include <ATen/Parallel.h>
#include <unistd.h>

#include <iostream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/audio/audio_file.h"
#include "model/audio/resampler.h"
#include "model/parallel.h"
#include "model/torch.h"
#include "model/torch_errors.h"
#include "train/cli/flag_set.h"
#include "train/code_shards.h"
#include "train/codec_folder.h"
#include "train/musicbench_dataset.h"
#include "train/progress_bar.h"
#include "train/training_device.h"

namespace magnet {
namespace {

struct EncodeOptions {
  MusicBenchOptions data;
  std::string exclude;  // rows of a test set; empty: none
  std::string codec;
  std::string output;
  std::string device = "auto";
  bool strict = false;
};

// Encodes clips each by itself, for their lengths differ: on a CPU as many at a
// time as it has threads, which a single clip cannot keep busy.
class Encoder {
 public:
  Encoder(EncodecModel codec, torch::Device device, CodeShardWriter& writer)
      : codec_(std::move(codec)),
        device_(device),
        at_a_time_(device.is_cpu() ? at::get_num_threads() : 1),
        writer_(writer) {
    codec_->to(device_);
  }

  // `row` must stay where it is until Flush.
  absl::Status Add(const MusicBenchRow& row, const std::string& bytes) {
    waiting_.push_back({.row = &row, .bytes = bytes});
    return waiting_.size() < at_a_time_ ? absl::OkStatus() : Flush();
  }

  // Encodes and writes what was added, in that order.
  absl::Status Flush() {
    RunTasks(static_cast<int64_t>(waiting_.size()), [this](int64_t i) { Encode(waiting_[i]); });
    for (const Clip& clip : waiting_) {
      if (!clip.status.ok()) return clip.status;
      if (!clip.codes.defined()) {
        undecodable_.Add(clip.undecodable);
        continue;
      }
      if (absl::Status status = writer_.Add(*clip.row, clip.codes); !status.ok()) return status;
    }
    waiting_.clear();
    return absl::OkStatus();
  }

  const NamedCount& undecodable() const { return undecodable_; }

 private:
  struct Clip {
    const MusicBenchRow* row;
    std::string bytes;
    torch::Tensor codes{};  // [K, T]; undefined: none
    std::string undecodable{};
    absl::Status status{};
  };

  void Encode(Clip& clip) {
    const absl::StatusOr<AudioClip> audio = ReadAudioBytes(clip.bytes, clip.row->location);
    if (!audio.ok()) {
      clip.undecodable = std::string(audio.status().message());
      return;
    }
    const absl::StatusOr<std::vector<float>> samples =
        Resample(audio->samples, audio->sample_rate_hz, codec_->config().sample_rate_hz);
    clip.status = samples.status();
    if (!samples.ok()) return;
    clip.status = CatchTorchErrors(clip.row->location, [&] {
      // Of this thread: one of many, which know nothing of the caller's modes.
      const torch::InferenceMode inference;
      const torch::Tensor wave = torch::tensor(*samples).view({1, 1, -1}).to(device_);
      clip.codes = codec_->Encode(wave)[0].cpu();
      return absl::OkStatus();
    });
  }

  EncodecModel codec_;
  const torch::Device device_;
  const size_t at_a_time_;
  CodeShardWriter& writer_;
  std::vector<Clip> waiting_;
  NamedCount undecodable_;
};

void Warn(const char* what, const NamedCount& rows) {
  if (rows.count == 0) return;
  std::cerr << "warning: " << rows.count << " " << what << ", the first:\n";
  for (const std::string& name : rows.named) std::cerr << "  " << name << "\n";
}

absl::Status RemoveExcluded(const EncodeOptions& options, MusicBenchDataset& dataset) {
  if (options.exclude.empty()) return absl::OkStatus();
  absl::StatusOr<MusicBenchDataset> test = MusicBenchDataset::Open(
      {.rows = options.exclude, .audio = options.data.audio, .bad_rows = BadRowPolicy::kFail});
  if (!test.ok()) return test.status();
  std::cerr << dataset.RemoveRelatedTo(test->rows()) << " rows taken out for " << options.exclude
            << "\n";
  return absl::OkStatus();
}

absl::Status Encode(const EncodeOptions& options) {
  const absl::StatusOr<TrainingDevice> device =
      ChooseTrainingDevice(options.device, TrainingPrecision::kFloat32);
  if (!device.ok()) return device.status();
  const absl::StatusOr<CodecFiles> files = ReadCodecFolder(options.codec);
  if (!files.ok()) return files.status();
  absl::StatusOr<EncodecModel> codec = MakeCodec(*files);
  if (!codec.ok()) return codec.status();
  absl::StatusOr<MusicBenchDataset> dataset = MusicBenchDataset::Open(options.data);
  if (!dataset.ok()) return dataset.status();
  if (absl::Status status = RemoveExcluded(options, *dataset); !status.ok()) return status;
  absl::StatusOr<CodeShardWriter> writer = CodeShardWriter::Create(
      options.output, {files->config.num_codebooks, files->config.codebook_size,
                       files->config.frame_rate_hz(), files->fingerprint});
  if (!writer.ok()) return writer.status();
  Encoder encoder(*std::move(codec), device->device, *writer);
  const auto total = static_cast<int64_t>(dataset->rows().size());
  ProgressBar bar(std::cerr, isatty(STDERR_FILENO) != 0, 0, total);
  int64_t done = 0;
  const absl::StatusOr<NamedCount> missing =
      dataset->ForEachAudio([&](const MusicBenchRow& row, const std::string& bytes) {
        absl::Status status = encoder.Add(row, bytes);
        bar.Update(++done, 1, "clips");
        return status;
      });
  if (!missing.ok()) return missing.status();
  if (absl::Status status = encoder.Flush(); !status.ok()) return status;
  bar.Finish();
  Warn("rows were bad", dataset->bad_rows());
  Warn("rows have no audio", *missing);
  Warn("clips could not be decoded", encoder.undecodable());
  if (writer->num_clips() == 0) {
    return absl::NotFoundError(absl::StrCat(options.data.rows, ": no clip could be encoded"));
  }
  if (absl::Status status = writer->Finish(); !status.ok()) return status;
  std::cout << options.output << ": " << writer->num_clips() << " clips\n";
  return absl::OkStatus();
}

}  // namespace

absl::Status RunEncode(const std::vector<std::string>& arguments) {
  EncodeOptions options;
  FlagSet flags("encode", "Turns the audio of a data set into codes, once for all trainings.");
  flags.Require("rows", &options.data.rows, "JSON lines of the data set");
  flags.Require("audio", &options.data.audio, "folder that holds data/, or the .tar.gz");
  flags.Require("codec", &options.codec, "folder of a codec, or a bundle");
  flags.Require("output", &options.output, "folder to write to");
  flags.Add("exclude", &options.exclude,
            "JSON lines of a test set: its clips and their copies are left out");
  flags.Add("device", &options.device, "auto, cpu or cuda");
  flags.Add("strict", &options.strict, "end at the first bad row, rather than skip it");
  if (absl::Status status = flags.Parse(arguments); !status.ok()) return status;
  if (flags.help_requested()) {
    std::cout << flags.Help();
    return absl::OkStatus();
  }
  options.data.bad_rows = options.strict ? BadRowPolicy::kFail : BadRowPolicy::kSkip;
  return Encode(options);
}

}  // namespace magnet
