// How a language model's training begins.
#include <gtest/gtest.h>

#include "tests/train/lm_run.h"
#include "train/neighbour_start.h"

namespace magnet {
namespace {

constexpr int kCard = 16;
constexpr int kRun = 6;  // frames in which a code stays

// Clips in which every code stays for a while, in the place of WriteTinyData's.
void WriteLastingCodes(const std::string& folder) {
  WriteTinyData(folder, /*num_clips=*/1);
  const auto files = ReadCodecFolder(folder + "/codec");
  ASSERT_TRUE(files.ok()) << files.status();
  auto writer = CodeShardWriter::Create(folder + "/codes", {3, kCard, 50, files->fingerprint});
  ASSERT_TRUE(writer.ok()) << writer.status();
  const char* const instruments[] = {"piano", "drums", "violin", "synth"};
  for (int i = 0; i < 64; ++i) {
    MusicBenchRow row;
    row.location = "data/" + std::to_string(i) + ".wav";
    row.main_caption = std::string("a piece for ") + instruments[i % 4] + " alone";
    // Each instrument has four codes of its own.
    const torch::Tensor notes = torch::randint(4, {3, 24 / kRun}, torch::kLong) + 4 * (i % 4);
    ASSERT_TRUE(writer->Add(row, notes.repeat_interleave(kRun, /*dim=*/1)).ok());
  }
  ASSERT_TRUE(writer->Finish().ok());
}

// Breaks where other codes than the neighbours are counted.
TEST(NeighbourAffinityTest, CodesThatStayAreLikeliestBesideThemselves) {
  const std::string folder = TestFolder("affinity");
  WriteLastingCodes(folder);
  const auto clips = CodeSet::Open(folder + "/codes");
  ASSERT_TRUE(clips.ok()) << clips.status();
  for (int k = 0; k < 3; ++k) {
    const torch::Tensor affinity = NeighbourAffinity(*clips, k);
    EXPECT_TRUE(torch::allclose(affinity, affinity.t()));
    EXPECT_TRUE(torch::equal(affinity.argmax(1), torch::arange(kCard))) << "codebook " << k;
    EXPECT_GT(affinity[0][1].item<double>(), affinity[0][5].item<double>())
        << "codes of one instrument against those of two";
  }
}

// Breaks where another code than the next is counted, or rare codes claim to be sure.
TEST(NeighbourTableTest, TellsWhatFollowsEachCode) {
  const std::string folder = TestFolder("successors");
  WriteTinyData(folder, /*num_clips=*/1);
  const auto files = ReadCodecFolder(folder + "/codec");
  ASSERT_TRUE(files.ok()) << files.status();
  auto writer = CodeShardWriter::Create(folder + "/codes", {3, kCard, 50, files->fingerprint});
  ASSERT_TRUE(writer.ok()) << writer.status();
  const torch::Tensor cycle = torch::arange(200).remainder(4).to(torch::kLong);
  MusicBenchRow row;
  row.location = "data/cycle.wav";
  row.main_caption = "four codes in turn";
  ASSERT_TRUE(writer->Add(row, cycle.expand({3, 200})).ok());
  ASSERT_TRUE(writer->Finish().ok());
  const auto clips = CodeSet::Open(folder + "/codes");
  ASSERT_TRUE(clips.ok()) << clips.status();
  const torch::Tensor table = NeighbourTable(*clips, 1);
  for (int code = 0; code < 4; ++code) {
    EXPECT_EQ(table[code].argmax().item<int64_t>(), (code + 1) % 4);
    EXPECT_GT(table[code][(code + 1) % 4].item<double>(), 1.0);
    EXPECT_LT(table[code][(code + 3) % 4].item<double>(), -1.0);
  }
  EXPECT_LT(table[9].abs().max().item<double>(), 1e-5) << "nothing is known of what never occurs";
}

// How often the likeliest code of one masked frame is that of the frames around it.
double ShareRight(LmTrainingConfig config, bool neighbour_start, int stage) {
  config.neighbour_start = neighbour_start;
  config.lm = {.dim = 64, .num_heads = 4, .num_layers = 3, .ffn_dim = 64, .window_frames = 24};
  const auto clips = CodeSet::Open(config.codes);
  EXPECT_TRUE(clips.ok()) << clips.status();
  auto parts = MakeLmParts(config, *clips);
  EXPECT_TRUE(parts.ok()) << parts.status();
  const torch::NoGradGuard no_grad;
  const torch::Tensor texts = torch::zeros({1, 1, config.text_encoder.d_model});
  const torch::Tensor unseen = torch::zeros({1, 1}, torch::kBool);
  constexpr int kMasked = 2 * kRun + kRun / 2;  // amid a code's frames
  int right = 0;
  for (int64_t clip = 0; clip < clips->size(); ++clip) {
    const torch::Tensor target = clips->Codes(clip, 0, 24);
    torch::Tensor input = target.clone();
    input.narrow(0, stage + 1, 2 - stage).fill_(kCard);
    input[stage][kMasked] = kCard;
    const torch::Tensor logits = parts->lm
                                     ->forward({.codes = input.unsqueeze(0),
                                                .text_states = texts,
                                                .text_mask = unseen,
                                                .stage = stage,
                                                .first_frames = {}})
                                     .logits;
    const auto likeliest = logits[0][kMasked].argmax().item<int64_t>();
    right += likeliest == target[stage][kMasked].item<int64_t>();
  }
  return static_cast<double>(right) / static_cast<double>(clips->size());
}

// Breaks where heads look elsewhere than at the neighbours, carry something else than
// the codes' components, or where rows of embeddings and heads do not belong together.
TEST(NeighbourStartTest, AMaskedFrameExpectsItsNeighboursCodeBeforeTheFirstStep) {
  const std::string folder = TestFolder("neighbours");
  WriteLastingCodes(folder);
  const LmTrainingConfig config = TinyLmConfig(folder);
  for (int stage = 0; stage < 3; ++stage) {
    EXPECT_LT(ShareRight(config, false, stage), 0.25) << "stage " << stage;
    EXPECT_GT(ShareRight(config, true, stage), 0.3) << "chance is 1 / 16; stage " << stage;
  }
}

// Breaks where the text encoder does not learn, or something else does.
TEST(TextFirstTest, TextsLearnWhatTheirClipsAreMadeOfAndTheRestWaits) {
  const std::string folder = TestFolder("text_first");
  WriteLastingCodes(folder);
  LmTrainingConfig config = TinyLmConfig(folder);
  config.text_first = {.steps = 60, .batch_size = 16};
  config.run.total_steps = 100;
  config.optimizer.learning_rate = 0.02;
  LmRun run(config);
  const auto lm_weight = [&] { return run.trainer->State().at("lm.out_norm.weight"); };
  const torch::Tensor untouched = lm_weight().detach().clone();
  double first = 0, last = 0;
  for (int step = 0; step < config.text_first.steps; ++step) {
    const auto report = run.trainer->Step(step);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->items, 16);
    (step == 0 ? first : last) = report->metrics.at("loss_text");
  }
  EXPECT_NEAR(first, std::log(kCard), 1e-4) << "nothing is known";
  EXPECT_LT(last, std::log(4) + 0.3) << "the instrument's four codes are known";
  EXPECT_TRUE(torch::equal(untouched, lm_weight()));
  const auto report = run.trainer->Step(config.text_first.steps);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->metrics.count("loss_text"), 0u);
  EXPECT_FALSE(torch::equal(untouched, lm_weight()));
}

// Breaks where texts stop learning what their clips are made of once the language model learns,
// or hinder it.
TEST(TextFirstTest, TextsGoOnLearningBesideTheCodes) {
  const std::string folder = TestFolder("text_beside");
  WriteLastingCodes(folder);
  LmTrainingConfig config = TinyLmConfig(folder);
  config.text_first = {.steps = 0, .weight_after = 0.5, .batch_size_after = 16};
  config.run.total_steps = 100;
  config.optimizer.learning_rate = 0.02;
  LmRun run(config);
  Metrics first, last;
  for (int step = 0; step < 60; ++step) {
    const auto report = run.trainer->Step(step);
    ASSERT_TRUE(report.ok()) << report.status();
    (step == 0 ? first : last) = report->metrics;
  }
  EXPECT_NEAR(first.at("loss_text"), std::log(kCard), 1e-4) << "nothing is known";
  EXPECT_LT(last.at("loss_text"), std::log(4) + 0.3) << "the instrument's four codes are known";
  EXPECT_LT(last.at("loss"), first.at("loss"));
}

}  // namespace
}  // namespace magnet
