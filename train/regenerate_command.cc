#include "train/regenerate_command.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/generator.h"
#include "model/torch.h"
#include "train/captions.h"
#include "train/cli/flag_set.h"
#include "train/code_shards.h"
#include "train/codec_folder.h"
#include "train/draw_stream.h"
#include "train/progress_bar.h"

namespace magnet {
namespace {

struct RegenerateOptions {
  std::string codes;
  std::string bundle;
  std::string output;
  int64_t clips = 0;  // 0: all
  double kept = 0.3;
  int64_t seed = 0;
};

// Spans that are not kept, each by chance and one at least, as ranges of time. A range's ends
// lie in the middle of its outer frames, so that rounding cannot move them.
std::vector<TimeRange> DrawRanges(int64_t num_spans, int span_len, double kept,
                                  double frame_rate_hz, DrawStream draws) {
  const int64_t never_kept = draws.Below(num_spans);
  std::vector<TimeRange> ranges;
  for (int64_t span = 0; span < num_spans; ++span) {
    if (draws.Uniform() < kept && span != never_kept) continue;
    const auto first = static_cast<double>(span * span_len);
    ranges.push_back({(first + 0.5) / frame_rate_hz, (first + span_len - 0.5) / frame_rate_hz});
  }
  return ranges;
}

class Regenerator {
 public:
  Regenerator(const RegenerateOptions& options, const CodeSet& codes, Generator& generator)
      : options_(options), codes_(codes), generator_(generator) {}

  // [K, T'] int64: of the clip's frames as many as the model's windows hold.
  absl::StatusOr<torch::Tensor> Regenerate(int64_t clip) const {
    const int span_len = generator_.config().lm.span_len;
    if (codes_.num_frames(clip) < span_len) {
      return Named(clip, absl::InvalidArgumentError(absl::StrCat("expected at least a span of ",
                                                                 span_len, " frames, found ",
                                                                 codes_.num_frames(clip))));
    }
    const absl::StatusOr<std::unique_ptr<Generation>> generation = generator_.Begin(SpecOf(clip));
    if (!generation.ok()) return Named(clip, generation.status());
    while (!(*generation)->progress().done()) {
      const absl::Status status = generator_.Step({generation->get()})[0];
      if (!status.ok()) return Named(clip, status);
    }
    const std::vector<int64_t> made = (*generation)->codes();
    return torch::tensor(made).view({codes_.info().num_codebooks, -1});
  }

 private:
  absl::Status Named(int64_t clip, const absl::Status& status) const {
    return {status.code(), absl::StrCat(codes_.row(clip).location, ": ", status.message())};
  }

  GenerationSpec SpecOf(int64_t clip) const {
    const auto seed = static_cast<uint64_t>(options_.seed);
    const int64_t num_frames = codes_.num_frames(clip);
    const torch::Tensor given = codes_.Codes(clip, 0, num_frames).contiguous();
    const double rate = codes_.info().frame_rate_hz;
    const CaptionOptions captions{CaptionChoice::kEither, /*control_chance=*/1, seed};
    GenerationSpec spec;
    spec.sections = {{0, {{CaptionOf(codes_.row(clip), captions, /*draw=*/0), 1.0}}}};
    spec.duration_seconds = static_cast<double>(num_frames) / rate;
    spec.seed = seed + static_cast<uint64_t>(clip);
    spec.sampling = generator_.config().sampling;
    spec.given_codes.num_frames = static_cast<int>(num_frames);
    spec.given_codes.codes.assign(given.data_ptr<int64_t>(),
                                  given.data_ptr<int64_t>() + given.numel());
    const int span_len = generator_.config().lm.span_len;
    spec.given_codes.regenerate =
        DrawRanges(num_frames / span_len, span_len, options_.kept, rate,
                   DrawStream(seed, DrawPurpose::kMask, static_cast<uint64_t>(clip), /*item=*/0));
    return spec;
  }

  const RegenerateOptions& options_;
  const CodeSet& codes_;
  Generator& generator_;
};

std::vector<int64_t> DrawClips(const RegenerateOptions& options, const CodeSet& codes) {
  DrawStream draws(static_cast<uint64_t>(options.seed), DrawPurpose::kShuffle, 0, 0);
  std::vector<int64_t> clips = draws.Permutation(codes.size());
  if (options.clips > 0 && options.clips < codes.size()) clips.resize(options.clips);
  return clips;
}

absl::Status Regenerate(const RegenerateOptions& options) {
  if (options.kept < 0 || options.kept > 1 || options.clips < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected --kept from 0 to 1 and --clips of at least 0, found ", options.kept,
                     " and ", options.clips));
  }
  const absl::StatusOr<CodeSet> codes = CodeSet::Open(options.codes);
  if (!codes.ok()) return codes.status();
  const absl::StatusOr<CodecFiles> codec = ReadCodecFolder(options.bundle);
  if (!codec.ok()) return codec.status();
  if (codec->fingerprint != codes->info().codec_fingerprint) {
    return absl::FailedPreconditionError(
        absl::StrCat(options.codes, ": expected codes of the codec of ", options.bundle, " (",
                     codec->fingerprint, "), found those of ", codes->info().codec_fingerprint));
  }
  const absl::StatusOr<std::unique_ptr<Generator>> generator =
      OpenGenerator(options.bundle, {.precision = Precision::kAuto, .limits = {}});
  if (!generator.ok()) return generator.status();
  absl::StatusOr<CodeShardWriter> writer = CodeShardWriter::Create(options.output, codes->info());
  if (!writer.ok()) return writer.status();
  const Regenerator regenerator(options, *codes, **generator);
  const std::vector<int64_t> clips = DrawClips(options, *codes);
  ProgressBar bar(std::cerr, isatty(STDERR_FILENO) != 0, 0, static_cast<int64_t>(clips.size()));
  int64_t done = 0;
  for (const int64_t clip : clips) {
    const absl::StatusOr<torch::Tensor> made = regenerator.Regenerate(clip);
    if (!made.ok()) return made.status();
    if (absl::Status status = writer->Add(codes->row(clip), *made); !status.ok()) return status;
    bar.Update(++done, 1, "clips");
  }
  bar.Finish();
  if (absl::Status status = writer->Finish(); !status.ok()) return status;
  std::cout << options.output << ": " << writer->num_clips() << " clips\n";
  return absl::OkStatus();
}

}  // namespace

absl::Status RunRegenerate(const std::vector<std::string>& arguments) {
  RegenerateOptions options;
  FlagSet flags(
      "regenerate",
      "Has a language model generate most of each clip's codes anew, for a codec's decoder "
      "to learn from.");
  flags.Require("codes", &options.codes, "folder of `magnet-train encode`");
  flags.Require("bundle", &options.bundle, "model whose codec made the codes");
  flags.Require("output", &options.output, "folder to write to");
  flags.Add("clips", &options.clips, "how many, drawn by the seed; 0: all");
  flags.Add("kept", &options.kept, "share of the spans of frames that stay as they are");
  flags.Add("seed", &options.seed, "of what is kept and of what is generated");
  if (absl::Status status = flags.Parse(arguments); !status.ok()) return status;
  if (flags.help_requested()) {
    std::cout << flags.Help();
    return absl::OkStatus();
  }
  return Regenerate(options);
}

}  // namespace magnet
