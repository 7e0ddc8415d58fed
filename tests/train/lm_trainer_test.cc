#include "train/lm_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "model/bundle.h"
#include "model/generator.h"
#include "tests/train/lm_run.h"
#include "train/training_loop.h"

namespace magnet {
namespace {

using ::testing::HasSubstr;

// Breaks where a stage's loss, mask, head or gradient is not its own: then it
// cannot learn two clips by heart.
class OverfitTest : public ::testing::TestWithParam<int> {};

TEST_P(OverfitTest, OneBatchIsLearntByHeart) {
  const int stage = GetParam();
  const std::string folder = TestFolder("overfit" + std::to_string(stage));
  WriteTinyData(folder, /*num_clips=*/2);
  LmTrainingConfig config = TinyLmConfig(folder);
  config.run.total_steps = 1000;
  config.optimizer.ema_decay = 0;
  config.condition_dropout = 0;
  config.stage_weights = {stage == 0, stage == 1, stage == 2};
  config.lm.dim = 48;
  LmRun run(config);
  const std::string metric = "validation_loss_stage" + std::to_string(stage);
  double loss = std::numeric_limits<double>::infinity();
  for (int64_t step = 0; step < config.run.total_steps && !(loss < 0.1); ++step) {
    const auto report = run.trainer->Step(step);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->metrics.count("loss_stage" + std::to_string(stage)), 1u);
    if (step % 50 == 49) {
      const auto metrics = run.trainer->Validate();
      ASSERT_TRUE(metrics.ok()) << metrics.status();
      loss = metrics->at(metric);
    }
  }
  EXPECT_LT(loss, 0.1) << "stage " << stage;
}

INSTANTIATE_TEST_SUITE_P(Stages, OverfitTest, ::testing::Values(0, 1, 2));

// Breaks where annotations have a loss that teaches nothing, or that is asked of stages
// that have no labels; in bfloat16, where products and what is added up differ in type.
class AnnotationsTest : public ::testing::TestWithParam<TrainingPrecision> {};

TEST_P(AnnotationsTest, AreLearntBesideTheCodes) {
  const bool rounded = GetParam() == TrainingPrecision::kBFloat16;
  const std::string folder = TestFolder(rounded ? "annotations_bf16" : "annotations");
  WriteTinyData(folder, /*num_clips=*/8, WithLabels::kYes);
  LmTrainingConfig config = TinyLmConfig(folder);
  config.annotation_weight = 0.5;
  config.text_first = {.steps = 30, .batch_size = 8};
  config.run.total_steps = 500;
  config.run.batch_size = 8;
  config.run.precision = GetParam();
  LmRun run(config);
  double text = 0, first = 0, last = 0, codes = 0;
  for (int64_t step = 0; step < config.run.total_steps; ++step) {
    const auto report = run.trainer->Step(step);
    ASSERT_TRUE(report.ok()) << report.status();
    const Metrics& metrics = report->metrics;
    if (step == 0) text = metrics.at("loss_text");
    EXPECT_EQ(metrics.count("loss_annotations"), metrics.count("loss_stage0"));
    if (metrics.count("loss_annotations") == 0) continue;
    if (first == 0) first = metrics.at("loss_annotations");
    last = metrics.at("loss_annotations");
    codes = metrics.at("loss_stage0");
  }
  EXPECT_NEAR(text, std::log(16) + std::log(24) + std::log(80) + 1.5 * std::log(2), 2e-2)
      << "codes, key, tempo, the lead and, of half of the clips, loudness: nothing is known";
  EXPECT_GT(first, 1.2) << "of some 2: "
                        << (std::log(16) + std::log(8) + std::log(36) + std::log(24) +
                            1.5 * std::log(2)) /
                               5.5;
  EXPECT_LT(last, 0.3 * first);
  EXPECT_LT(codes, 0.8 * std::log(16));
}

INSTANTIATE_TEST_SUITE_P(Precisions, AnnotationsTest,
                         ::testing::Values(TrainingPrecision::kFloat32,
                                           TrainingPrecision::kBFloat16));

// Breaks where the texts' beats are not learnt, or do not get into the bundle.
TEST(LmTrainerTest, BeatsAreLearntFromCaptions) {
  const std::string folder = TestFolder("beats");
  WriteTinyData(folder, /*num_clips=*/8);
  LmTrainingConfig config = TinyLmConfig(folder);
  config.lm.beats = BeatConfig{.max_beats_per_bar = 4, .min_frames_per_beat = 5};
  config.text_first = {.steps = 20, .batch_size = 8};
  config.run.total_steps = 400;
  config.run.batch_size = 8;
  LmRun run(config);
  double text = 0, last = 0;
  for (int64_t step = 0; step < config.run.total_steps; ++step) {
    const auto report = run.trainer->Step(step);
    ASSERT_TRUE(report.ok()) << report.status();
    if (step == 0) text = report->metrics.at("loss_text");
    if (step >= 20) last = report->metrics.at("loss_beats");
  }
  EXPECT_NEAR(text, std::log(16) + std::log(71) + std::log(4), 2e-2) << "nothing is known";
  EXPECT_LT(last, 0.1);
  ASSERT_TRUE(run.trainer->Export({}, "# Tiny\n", folder + "/bundle").ok());
  const auto bundle = OpenBundle(folder + "/bundle");
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  EXPECT_EQ(bundle->config.lm.beats->num_tempos(), 71);
  EXPECT_EQ(bundle->lm.count("beats.emb.weight"), 1u);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Every loss and norm of a run's metrics.jsonl, as written.
std::vector<std::string> Curve(const std::string& output) {
  std::vector<std::string> curve;
  std::istringstream lines(ReadFile(output + "/metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    nlohmann::json metrics = nlohmann::json::parse(line);
    metrics.erase("items_per_second");
    curve.push_back(metrics.dump());
  }
  return curve;
}

// A trainer that is killed before a step.
class KilledTrainer : public TrainingTask {
 public:
  KilledTrainer(TrainingTask& task, int64_t step) : task_(task), step_(step) {}

  absl::StatusOr<StepReport> Step(int64_t step) override {
    if (step == step_) std::raise(SIGKILL);
    return task_.Step(step);
  }
  absl::StatusOr<Metrics> Validate() override { return task_.Validate(); }
  TensorMap State() const override { return task_.State(); }
  absl::Status Restore(const TensorMap& state) override { return task_.Restore(state); }
  std::string Fingerprint() const override { return task_.Fingerprint(); }

 private:
  TrainingTask& task_;
  int64_t step_;
};

void TrainUntilKilled(const LmTrainingConfig& config, const std::string& output) {
  LmRun run(config);
  KilledTrainer killed(*run.trainer, /*step=*/8);
  const auto alone = ProcessGroup::Alone();
  (void)RunTraining(killed, {config.run, output}, *alone, std::cerr);
}

LoopEnd Train(const LmTrainingConfig& config, const std::string& output, int64_t stop_after = 0) {
  LmRun run(config);
  const auto alone = ProcessGroup::Alone();
  std::ostringstream log;
  const auto end = RunTraining(*run.trainer, {config.run, output, stop_after}, *alone, log);
  EXPECT_TRUE(end.ok()) << end.status();
  return end.value_or(LoopEnd::kStopped);
}

// Breaks where a killed run does not go on exactly as if nothing had happened.
TEST(ResumptionDeathTest, AfterSigkillTheCurveIsThatOfAnUnbrokenRun) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const std::string folder = TestFolder("resume");
  if (!std::filesystem::exists(folder + "/codes")) WriteTinyData(folder, /*num_clips=*/5);
  LmTrainingConfig config = TinyLmConfig(folder);
  config.run.accumulation = 2;
  // Killed after the texts' own steps, gone on with before.
  config.text_first = {.steps = 6, .batch_size = 3, .weight_after = 0.3, .batch_size_after = 2};
  config.hidden_matrices = HiddenMatrices::kMuon;
  config.annotation_weight = 0.5;
  config.short_crops = {.steps = 9, .frames = 12};
  TrainNeighbours(/*tables=*/1, config);
  EXPECT_EXIT(TrainUntilKilled(config, folder + "/broken"), ::testing::KilledBySignal(SIGKILL), "");
  EXPECT_EQ(Curve(folder + "/broken").size(), 8u) << "8 steps before it was killed";
  EXPECT_EQ(Train(config, folder + "/broken"), LoopEnd::kFinished);
  EXPECT_EQ(Train(config, folder + "/unbroken"), LoopEnd::kFinished);
  EXPECT_EQ(Curve(folder + "/unbroken").size(), 12u);
  EXPECT_EQ(Curve(folder + "/broken"), Curve(folder + "/unbroken"));
  EXPECT_EQ(ReadFile(folder + "/broken/checkpoints/step-000000012.safetensors"),
            ReadFile(folder + "/unbroken/checkpoints/step-000000012.safetensors"));
}

// Breaks where Ctrl-C loses steps.
TEST(LmTrainerTest, AStoppedRunGoesOn) {
  const std::string folder = TestFolder("stop");
  WriteTinyData(folder, 4);
  LmTrainingConfig config = TinyLmConfig(folder);
  config.run.total_steps = 6;
  EXPECT_EQ(Train(config, folder + "/run", /*stop_after=*/4), LoopEnd::kStopped);
  EXPECT_TRUE(std::filesystem::exists(folder + "/run/checkpoints/step-000000004.safetensors"));
  EXPECT_EQ(Train(config, folder + "/run"), LoopEnd::kFinished);
}

// Breaks where what was trained cannot be served.
TEST(LmTrainerTest, TheBundleOpensAndGenerates) {
  const std::string folder = TestFolder("bundle");
  WriteTinyData(folder, 4);
  LmTrainingConfig config = TinyLmConfig(folder);
  LmRun run(config);
  ASSERT_TRUE(run.trainer->Step(0).ok());
  ASSERT_TRUE(run.trainer->Export({}, "# Tiny\n", folder + "/bundle").ok());
  auto generator = OpenGenerator(folder + "/bundle", GeneratorOptions());
  ASSERT_TRUE(generator.ok()) << generator.status();
  GenerationSpec spec;
  spec.sections = {{0, {{"calm piano", 1}}}};
  spec.duration_seconds = 0.4;
  spec.sampling = (*generator)->config().sampling;
  auto generation = (*generator)->Begin(spec);
  ASSERT_TRUE(generation.ok()) << generation.status();
  while (!(*generation)->progress().done()) {
    for (const absl::Status& status : (*generator)->Step({generation->get()})) {
      ASSERT_TRUE(status.ok()) << status;
    }
  }
  const auto audio = (*generator)->DecodeAudio(**generation, 1000);
  ASSERT_TRUE(audio.ok()) << audio.status();
  EXPECT_EQ(static_cast<int64_t>(audio->size()), (*generation)->num_samples());

  // Fine-tuning: the bundle is what the next run begins with.
  config.start_from = folder + "/bundle";
  config.codec.clear();
  config.lm = {};
  LmRun next(config);
  const TensorMap before = run.trainer->State(), after = next.trainer->State();
  for (const auto& [name, tensor] : before) {
    if (name.rfind("average.", 0) != 0) continue;
    EXPECT_TRUE(torch::allclose(tensor.to(torch::kHalf).to(torch::kFloat), after.at(name))) << name;
  }
}

absl::Status PartsError(const LmTrainingConfig& config) {
  const auto clips = CodeSet::Open(config.codes);
  EXPECT_TRUE(clips.ok()) << clips.status();
  return MakeLmParts(config, *clips).status();
}

// Breaks where parts that mean nothing to each other are trained together.
TEST(LmTrainerTest, RefusesWhatDoesNotFitNamingBothSides) {
  const std::string folder = TestFolder("mismatch");
  WriteTinyData(folder, 3);
  const LmTrainingConfig config = TinyLmConfig(folder);

  torch::manual_seed(4);
  EncodecModel other(TinyCodec());
  other->quantizer()->centroids(0).normal_();
  ASSERT_TRUE(WriteCodecFolder(TinyCodec(), ModuleTensors(*other), folder + "/other").ok());
  LmTrainingConfig wrong = config;
  wrong.codec = folder + "/other";
  absl::Status status = PartsError(wrong);
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(folder + "/codes"));
  EXPECT_THAT(std::string(status.message()), HasSubstr(folder + "/other"));

  LmRun run(config);
  ASSERT_TRUE(run.trainer->Export({}, "", folder + "/bundle").ok());
  wrong = config;
  wrong.start_from = folder + "/bundle";
  wrong.lm.dim = 64;
  status = PartsError(wrong);
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("lm.dim 64 against 32"));

  wrong.lm.dim = 32;
  wrong.lm.beats = BeatConfig{};
  EXPECT_THAT(std::string(PartsError(wrong).message()), HasSubstr("lm.beats against none"));
  wrong.lm.beats.reset();
  wrong.neighbour_start = true;
  EXPECT_THAT(std::string(PartsError(wrong).message()), HasSubstr("neighbour_start"));
  wrong = config;
  wrong.train_neighbours = true;
  EXPECT_THAT(std::string(PartsError(wrong).message()), HasSubstr("neighbour_tables: expected"));
  wrong.lm.neighbour_tables = 1;
  EXPECT_THAT(std::string(PartsError(wrong).message()), HasSubstr("neighbour_weight: expected"));
  wrong = config;
  wrong.text_first.steps = 1;
  wrong.train_text_encoder = false;
  EXPECT_THAT(std::string(PartsError(wrong).message()), HasSubstr("text_first.steps"));
  wrong.text_first = {.weight_after = 1};
  EXPECT_THAT(std::string(PartsError(wrong).message()), HasSubstr("text_first.weight_after"));
}

// Breaks where a run with NaN goes on, or its weights are destroyed by it.
TEST(LmTrainerTest, ALossThatIsNotANumberNamesStepAndBatch) {
  const std::string folder = TestFolder("nan");
  WriteTinyData(folder, 3);
  LmRun run(TinyLmConfig(folder));
  TensorMap state = run.trainer->State();
  torch::Tensor(state.at("lm.out_norm.weight")).detach().fill_(std::nan(""));
  const torch::Tensor before = state.at("lm.emb.0.weight").detach().clone();
  const auto report = run.trainer->Step(6);
  ASSERT_TRUE(absl::IsInternal(report.status())) << report.status();
  EXPECT_THAT(std::string(report.status().message()), HasSubstr("step 7: the loss is nan"));
  EXPECT_THAT(std::string(report.status().message()), HasSubstr("data/"));
  EXPECT_TRUE(torch::equal(before, state.at("lm.emb.0.weight")));
}

}  // namespace
}  // namespace magnet
