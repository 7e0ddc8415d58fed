// A tiny language-model training in memory, for tests.
#ifndef MAGNET_TESTS_TRAIN_LM_RUN_H_
#define MAGNET_TESTS_TRAIN_LM_RUN_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "model/torch.h"
#include "train/code_shards.h"
#include "train/codec_folder.h"
#include "train/lm_parts.h"
#include "train/lm_trainer.h"
#include "train/process_group.h"
#include "train/training_config.h"

namespace magnet {

// A folder of its own for a test; the same in the child of a death test.
inline std::string TestFolder(const std::string& name) {
  const std::string variable = "MAGNET_TEST_FOLDER_" + name;
  if (std::getenv(variable.c_str()) == nullptr) {
    const std::string folder =
        ::testing::TempDir() + "magnet-" + name + "-" + std::to_string(getpid());
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    setenv(variable.c_str(), folder.c_str(), /*overwrite=*/0);
  }
  return std::getenv(variable.c_str());
}

inline CodecConfig TinyCodec() {
  CodecConfig codec;
  codec.sample_rate_hz = 1000;
  codec.num_filters = 2;
  codec.dimension = 4;
  codec.ratios = {5, 4};
  codec.lstm_layers = 0;
  codec.num_codebooks = 3;
  codec.codebook_size = 16;
  return codec;
}

enum class WithLabels { kNo, kYes };

// A data set of `num_clips` random clips of 24 frames, and its codec, in `folder`.
inline void WriteTinyData(const std::string& folder, int num_clips,
                          WithLabels with_labels = WithLabels::kNo) {
  torch::manual_seed(3);
  EncodecModel codec(TinyCodec());
  ASSERT_TRUE(WriteCodecFolder(TinyCodec(), ModuleTensors(*codec), folder + "/codec").ok());
  const auto files = ReadCodecFolder(folder + "/codec");
  ASSERT_TRUE(files.ok()) << files.status();
  auto writer = CodeShardWriter::Create(folder + "/codes", {3, 16, 50, files->fingerprint},
                                        /*clips_per_shard=*/3);
  ASSERT_TRUE(writer.ok()) << writer.status();
  const char* const moods[] = {"calm piano", "loud drums", "a sad violin in A minor", "fast synth"};
  for (int i = 0; i < num_clips; ++i) {
    MusicBenchRow row;
    row.dataset = "MusicBench";
    row.location = "data/" + std::to_string(i) + ".wav";
    row.main_caption = std::string(moods[i % 4]) + " number " + std::to_string(i);
    row.beat_times_s = {0, 0.2};  // of some clips one beat more is known
    row.beat_positions = {1, 2};
    if (i % 3 == 0) {
      row.beat_times_s.push_back(0.4);
      row.beat_positions.push_back(3);
    }
    row.bpm = 300;
    row.chords = {i % 2 == 0 ? "C" : "Am"};
    row.chord_times_s = {0};
    row.key_root = i % 2 == 0 ? "C" : "A";
    row.key_mode = i % 2 == 0 ? "major" : "minor";
    if (with_labels == WithLabels::kYes) {
      row.labels = {{"collection", "one"}, {"lead", i % 4 == 2 ? "violin" : "other"}};
      if (i % 4 < 2) row.labels["loud"] = i % 4 == 1 ? "yes" : "no";
    }
    ASSERT_TRUE(writer->Add(row, torch::randint(16, {3, 24}, torch::kLong)).ok());
  }
  ASSERT_TRUE(writer->Finish().ok());
}

inline LmTrainingConfig TinyLmConfig(const std::string& folder) {
  LmTrainingConfig config;
  config.name = "tiny";
  config.run = {.seed = 5,
                .total_steps = 12,
                .batch_size = 2,
                .accumulation = 1,
                .precision = TrainingPrecision::kFloat32,
                .checkpoint_steps = 5,
                .validation_steps = 6,
                .validation_items = 4,
                .keep_checkpoints = 2};
  config.optimizer.learning_rate = 5e-3;
  config.optimizer.warmup_steps = 2;
  config.optimizer.weight_decay = 0;
  config.codes = folder + "/codes";
  config.codec = folder + "/codec";
  config.vocabulary_size = 60;
  config.lm = {.dim = 32, .num_heads = 2, .num_layers = 2, .ffn_dim = 64, .window_frames = 24};
  config.text_encoder = {.d_model = 16, .d_kv = 8, .d_ff = 16, .num_layers = 1, .num_heads = 2};
  config.sampling.decoding_steps = {4, 2, 2};
  return config;
}

// Has the first `tables` codebooks' neighbour tables learn along.
inline void TrainNeighbours(int tables, LmTrainingConfig& config) {
  config.lm.neighbour_tables = tables;
  config.sampling.neighbour_weight = 1;
  config.train_neighbours = true;
}

// A trainer with all that it refers to.
class LmRun {
 public:
  LmRun(LmTrainingConfig config, ProcessGroup* processes = nullptr)
      : config(std::move(config)), alone_(ProcessGroup::Alone()) {
    auto opened = CodeSet::Open(this->config.codes);
    EXPECT_TRUE(opened.ok()) << opened.status();
    clips = std::make_unique<CodeSet>(*std::move(opened));
    auto parts = MakeLmParts(this->config, *clips);
    EXPECT_TRUE(parts.ok()) << parts.status();
    trainer = std::make_unique<LmTrainer>(this->config, *std::move(parts), *clips, clips.get(),
                                          Device(this->config),
                                          processes != nullptr ? *processes : *alone_);
  }

  const LmTrainingConfig config;
  std::unique_ptr<CodeSet> clips;
  std::unique_ptr<LmTrainer> trainer;

 private:
  static TrainingDevice Device(const LmTrainingConfig& config) {
    TrainingDevice device;
    device.bfloat16 = config.run.precision == TrainingPrecision::kBFloat16;
    return device;
  }

  std::unique_ptr<ProcessGroup> alone_;
};

}  // namespace magnet

#endif  // MAGNET_TESTS_TRAIN_LM_RUN_H_
