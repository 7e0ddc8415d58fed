// The whole way from a data set in MusicBench's format to a model that makes
// music, by the commands of magnet-train.
#include <gtest/gtest.h>

#include <fstream>

#include "model/audio/audio_file.h"
#include "model/generator.h"
#include "model/torch.h"
#include "tests/train/lm_run.h"
#include "train/codec_command.h"
#include "train/encode_command.h"
#include "train/lm_command.h"
#include "train/musicbench_row.h"
#include "train/regenerate_command.h"

namespace magnet {
namespace {

class CommandsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = TestFolder("commands");
    std::filesystem::create_directories(folder_ + "/data");
    std::ofstream rows(folder_ + "/train.json");
    for (int i = 0; i < 6; ++i) {
      MusicBenchRow row;
      row.dataset = "MusicBench";
      row.location = "data/clip" + std::to_string(i) + ".wav";
      row.main_caption = "a tone of pitch " + std::to_string(i);
      row.alt_caption = "one long note, number " + std::to_string(i);
      row.prompt_bpm = "the tempo is 120 bpm";
      rows << FormatMusicBenchRow(row) << "\n";
      if (i == 5) continue;  // as in the published set: a row without audio
      const torch::Tensor wave = 0.4 * (torch::arange(1600) * (0.1 + 0.02 * i)).sin();
      const std::vector<float> samples(wave.data_ptr<float>(), wave.data_ptr<float>() + 1600);
      ASSERT_TRUE(WriteAudioFile(folder_ + "/" + row.location, samples, 2000).ok());
    }
    rows << "{\"location\": 3}\n";  // a bad row
  }

  std::string WriteYaml(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }

  std::string folder_;
};

constexpr char kDecoder[] = R"(
crop_seconds: 0.4
mel_windows: [64]
mel_bands: 8
run: {batch_size: 2, checkpoint_steps: 2, validation_steps: 2, validation_items: 2}
phases: [{steps: 2, quantized: true}]
)";

constexpr char kCodec[] = R"(
crop_seconds: 0.4
mel_windows: [64]
mel_bands: 8
kmeans_frames: 100
run: {batch_size: 2, checkpoint_steps: 2, validation_steps: 2, validation_items: 2}
codec: {sample_rate_hz: 1000, num_filters: 2, dimension: 4, ratios: [5, 4], lstm_layers: 0,
        num_codebooks: 2, codebook_size: 8}
phases: [{steps: 2}, {steps: 2, quantized: true}]
)";

constexpr char kLm[] = R"(
name: tiny
vocabulary_size: 40
run: {batch_size: 2, total_steps: 4, checkpoint_steps: 2, validation_steps: 2, validation_items: 4}
lm: {dim: 16, num_heads: 2, num_layers: 1, ffn_dim: 32, window_frames: 36}
text_encoder: {d_model: 8, d_kv: 4, d_ff: 16, num_layers: 1, num_heads: 2}
sampling: {decoding_steps: [2, 2]}
)";

// Of each clip of `made` some spans of frames are those of the same clip of `real`, and some not.
void ExpectSomeSpansKept(const CodeSet& made, const CodeSet& real) {
  for (int64_t i = 0; i < made.size(); ++i) {
    int64_t original = 0;
    while (real.row(original).location != made.row(i).location) ++original;
    const int64_t num_frames = made.num_frames(i) / 3 * 3;
    const torch::Tensor same = made.Codes(i, 0, num_frames)
                                   .eq(real.Codes(original, 0, num_frames))
                                   .view({-1, num_frames / 3, 3})
                                   .all(2)
                                   .all(0);
    EXPECT_GT(same.sum().item<int64_t>(), 0) << made.row(i).location;
    EXPECT_LT(same.sum().item<int64_t>(), num_frames / 3) << made.row(i).location;
  }
}

// Breaks where any of the commands cannot use what the one before has written.
TEST_F(CommandsTest, FromMusicBenchToAServedModel) {
  const std::string rows = folder_ + "/train.json";
  const std::string codec = WriteYaml("codec.yaml", "rows: " + rows + "\naudio: " + folder_ +
                                                        "\nvalidation_rows: " + rows + kCodec);
  ASSERT_EQ(RunCodec({"--config", codec, "--output", folder_ + "/codec", "--device", "cpu"}),
            absl::OkStatus());
  const std::vector<std::string> encode = {
      "--rows",          rows, "--audio", folder_, "--codec", folder_ + "/codec/codec", "--output",
      folder_ + "/codes"};
  ASSERT_EQ(RunEncode(encode), absl::OkStatus());
  std::vector<std::string> strict = encode;
  strict.push_back("--strict");
  strict[7] = folder_ + "/strict";
  EXPECT_TRUE(absl::IsInvalidArgument(RunEncode(strict))) << "a bad row was not fatal";
  const auto clips = CodeSet::Open(folder_ + "/codes");
  ASSERT_TRUE(clips.ok()) << clips.status();
  EXPECT_EQ(clips->size(), 5);
  EXPECT_EQ(clips->num_frames(0), 40) << "0.8 s at 50 frames a second";
  EXPECT_EQ(clips->row(0).alt_caption, "one long note, number 0");

  const std::string lm =
      WriteYaml("lm.yaml", "codes: " + folder_ + "/codes\nvalidation_codes: " + folder_ +
                               "/codes\ncodec: " + folder_ + "/codec/codec" + kLm);
  ASSERT_EQ(RunLm({"--config", lm, "--output", folder_ + "/lm", "--device", "cpu"}),
            absl::OkStatus());
  auto generator = OpenGenerator(folder_ + "/lm/bundle", GeneratorOptions());
  ASSERT_TRUE(generator.ok()) << generator.status();
  EXPECT_EQ((*generator)->config().name, "tiny");
  GenerationSpec spec;
  spec.sections = {{0, {{"a tone of pitch 2", 1}}}};
  spec.duration_seconds = 0.48;  // whole spans
  spec.sampling = (*generator)->config().sampling;
  const auto generation = (*generator)->Begin(spec);
  ASSERT_TRUE(generation.ok()) << generation.status();
  EXPECT_EQ((*generation)->num_samples(), 480);

  ASSERT_EQ(
      RunRegenerate({"--codes", folder_ + "/codes", "--bundle", folder_ + "/lm/bundle", "--output",
                     folder_ + "/regenerated", "--clips", "4", "--kept", "0.5", "--seed", "7"}),
      absl::OkStatus());
  const auto made = CodeSet::Open(folder_ + "/regenerated");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->size(), 4);
  ExpectSomeSpansKept(*made, *clips);
  const std::string decoder = WriteYaml(
      "decoder.yaml", "rows: " + rows + "\naudio: " + folder_ + "\nstart_from: " + folder_ +
                          "/codec/codec\ndecoder_only: true\nregenerated: {" + "codes: " + folder_ +
                          "/regenerated}" + kDecoder);
  EXPECT_EQ(RunCodec({"--config", decoder, "--output", folder_ + "/decoder", "--device", "cpu"}),
            absl::OkStatus());
}

// Breaks where a spectral codebook is lost without a word: trained on without its dimensions, the
// others grow into them.
TEST_F(CommandsTest, ASpectralCodebookIsTrainedOnAsOne) {
  const std::string data = "rows: " + folder_ + "/train.json\naudio: " + folder_ + kCodec;
  const auto train = [&](const std::string& name, const std::string& more) {
    return RunCodec({"--config", WriteYaml(name + ".yaml", data + more), "--output",
                     folder_ + "/" + name, "--device", "cpu"});
  };
  ASSERT_EQ(train("first", "spectral: {dims: 2}\n"), absl::OkStatus());
  const std::string from = "start_from: " + folder_ + "/first/codec\n";
  for (const std::string wrong : {"", "spectral: {dims: 1}\n"}) {
    const absl::Status status = train("wrong", from + wrong);
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_NE(status.message().find("spectral.dims: expected 2"), absl::string_view::npos);
  }
  EXPECT_EQ(train("second", from + "spectral: {dims: 2}\n"), absl::OkStatus());
}

// Breaks where a wrong command line is not refused by name.
TEST_F(CommandsTest, WrongOptionsAreNamed) {
  const absl::Status status = RunLm({"--config", folder_ + "/none.yaml", "--output", folder_});
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_NE(status.message().find("none.yaml"), absl::string_view::npos);
  const std::string lm = WriteYaml("device.yaml", std::string("codes: ") + folder_ + kLm);
  const absl::Status device =
      RunLm({"--config", lm, "--output", folder_ + "/x", "--device", "tpu"});
  EXPECT_TRUE(absl::IsInvalidArgument(device)) << device;
  EXPECT_NE(device.message().find("found \"tpu\""), absl::string_view::npos) << device;
}

}  // namespace
}  // namespace magnet
