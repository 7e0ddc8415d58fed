#include "train/training_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "train/metrics_log.h"
#include "train/optimizer.h"

namespace magnet {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string FreshFolder(const std::string& name) {
  const std::string folder =
      ::testing::TempDir() + "magnet-" + name + "-" + std::to_string(getpid());
  fs::remove_all(folder);
  return folder;
}

TrainingState StateAt(int64_t step, int64_t size = 8) {
  return {step,
          0.1 * static_cast<double>(step),
          "sizes",
          {{"weight", torch::full({size}, static_cast<float>(step))}}};
}

CheckpointFolder OpenFolder(const std::string& folder, int keep_last) {
  auto opened = CheckpointFolder::Open(folder, keep_last);
  EXPECT_TRUE(opened.ok()) << opened.status();
  return *std::move(opened);
}

// Breaks where a checkpoint does not give back what was saved.
TEST(CheckpointFolderTest, LoadsWhatWasSaved) {
  const CheckpointFolder folder = OpenFolder(FreshFolder("save"), 2);
  ASSERT_TRUE(CheckpointFolder(folder).Save(StateAt(7), /*is_best=*/false).ok());
  const auto state = folder.LoadNewest("sizes");
  ASSERT_TRUE(state.ok() && state->has_value()) << state.status();
  EXPECT_EQ((*state)->step, 7);
  EXPECT_EQ((*state)->best_loss, 0.1 * 7);
  EXPECT_TRUE(torch::equal((*state)->tensors.at("weight"), torch::full({8}, 7.f)));
}

// Breaks where old checkpoints fill the disk, or the best is lost with them.
TEST(CheckpointFolderTest, KeepsTheNewestAndTheBest) {
  CheckpointFolder folder = OpenFolder(FreshFolder("keep"), 2);
  for (int64_t step = 1; step <= 5; ++step) {
    ASSERT_TRUE(folder.Save(StateAt(step), /*is_best=*/step == 2).ok());
  }
  EXPECT_THAT(folder.Steps(), ElementsAre(4, 5));
  const auto best = folder.LoadBest();
  ASSERT_TRUE(best.ok()) << best.status();
  EXPECT_EQ(best->step, 2);
}

// Breaks where the wrong weights are shipped: the best go before the newest, the
// newest where nothing was validated, and a damaged best is not passed over.
TEST(CheckpointFolderTest, ChoosesTheResult) {
  const std::string path = FreshFolder("result");
  CheckpointFolder folder = OpenFolder(path, 2);
  EXPECT_TRUE(absl::IsNotFound(folder.LoadResult("sizes").status()));
  ASSERT_TRUE(folder.Save(StateAt(1), /*is_best=*/false).ok());
  EXPECT_EQ(folder.LoadResult("sizes")->step, 1);
  ASSERT_TRUE(folder.Save(StateAt(2), /*is_best=*/true).ok());
  ASSERT_TRUE(folder.Save(StateAt(3), /*is_best=*/false).ok());
  EXPECT_EQ(folder.LoadResult("sizes")->step, 2);
  EXPECT_TRUE(absl::IsFailedPrecondition(folder.LoadResult("others").status()));
  fs::resize_file(path + "/best.safetensors", 50);
  EXPECT_THAT(folder.LoadResult("sizes").status().message(), HasSubstr("best.safetensors"));
}

// Breaks where a damaged newest file ends a run that an older one could save.
TEST(CheckpointFolderTest, PassesOverADamagedFile) {
  const std::string path = FreshFolder("damaged");
  CheckpointFolder folder = OpenFolder(path, 3);
  ASSERT_TRUE(folder.Save(StateAt(1), false).ok());
  ASSERT_TRUE(folder.Save(StateAt(2), false).ok());
  fs::resize_file(path + "/step-000000002.safetensors", 50);
  const auto state = folder.LoadNewest("sizes");
  ASSERT_TRUE(state.ok() && state->has_value()) << state.status();
  EXPECT_EQ((*state)->step, 1);
}

// Breaks where a model of other sizes is taken for this one.
TEST(CheckpointFolderTest, RefusesAnotherModel) {
  CheckpointFolder folder = OpenFolder(FreshFolder("other"), 3);
  ASSERT_TRUE(folder.Save(StateAt(1), false).ok());
  const auto state = folder.LoadNewest("other sizes");
  EXPECT_TRUE(absl::IsFailedPrecondition(state.status()));
  EXPECT_THAT(std::string(state.status().message()), HasSubstr("other sizes"));
}

// Breaks where a full disk destroys what was saved before, or leaves half a file.
TEST(CheckpointFolderTest, AFullDiskLosesNothing) {
  const std::string path = FreshFolder("full");
  CheckpointFolder folder = OpenFolder(path, 1);
  ASSERT_TRUE(folder.Save(StateAt(1), false).ok());
  std::signal(SIGXFSZ, SIG_IGN);  // writes fail instead
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = 4096;
  setrlimit(RLIMIT_FSIZE, &small);
  const absl::Status status = folder.Save(StateAt(2, /*size=*/100'000), false);
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(folder.Steps(), ElementsAre(1));
  EXPECT_EQ(std::distance(fs::directory_iterator(path), fs::directory_iterator()), 1)
      << "a part of a file was left";
  EXPECT_TRUE(folder.Save(StateAt(2), false).ok()) << "there is room again";
}

// Breaks where what a killed writer has left is never removed.
TEST(CheckpointFolderTest, RemovesUnfinishedFiles) {
  const std::string path = FreshFolder("unfinished");
  OpenFolder(path, 1);
  std::ofstream(path + "/step-000000004.safetensors.tmp-1-0") << "half";
  CheckpointFolder folder = OpenFolder(path, 1);
  EXPECT_FALSE(fs::is_empty(path)) << "another process may be writing it";
  folder.RemoveUnfinished();
  EXPECT_TRUE(fs::is_empty(path));
  EXPECT_THAT(folder.Steps(), ElementsAre());
}

// Breaks where a resumed run's curve has steps twice.
TEST(MetricsLogTest, CutsOffWhatWillBeDoneAgain) {
  const std::string path = FreshFolder("metrics") + ".jsonl";
  fs::remove(path);
  {
    auto log = MetricsLog::Open(path, 0);
    ASSERT_TRUE(log.ok()) << log.status();
    for (int step = 1; step <= 3; ++step) {
      ASSERT_TRUE(log->Write(step, {{"loss", 1.0 / step}, {"bad", std::nan("")}}).ok());
    }
  }
  std::ofstream(path, std::ios::app) << "{\"step\": 4, \"lo";
  ASSERT_TRUE(MetricsLog::Open(path, 2).ok());
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}),
            "{\"step\": 1, \"bad\": null, \"loss\": 1}\n"
            "{\"step\": 2, \"bad\": null, \"loss\": 0.5}\n");
}

// Breaks where the learning rate does not warm up, or does not end where it should.
TEST(OptimizerTest, LearningRateRisesThenFalls) {
  OptimizerConfig config;
  config.learning_rate = 1;
  config.warmup_steps = 10;
  config.final_fraction = 0.1;
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 0, 110), 0.1);
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 9, 110), 1);
  EXPECT_NEAR(LearningRateAt(config, 60, 110), 0.55, 1e-12);
  EXPECT_NEAR(LearningRateAt(config, 110, 110), 0.1, 1e-12);
  EXPECT_NEAR(LearningRateAt(config, 500, 110), 0.1, 1e-12);
}

// Breaks where clipping, decay, moments or averages are not AdamW's: one update
// by hand. Gradient 6 of norm 6 is clipped to 1; m/(1-b1) / sqrt(v/(1-b2)) = 1.
TEST(OptimizerTest, UpdateIsAdamW) {
  OptimizerConfig config;
  config.weight_decay = 0.5;
  config.clip_norm = 1;
  config.ema_decay = 0.9;
  torch::Tensor weight = torch::full({1, 1}, 2.f, torch::requires_grad());
  Optimizer optimizer({{"weight", weight}}, config);
  (3 * weight * weight).sum().backward();
  weight.mutable_grad().fill_(6);
  EXPECT_NEAR(optimizer.ClipGradients(), 6, 1e-6);
  EXPECT_NEAR(weight.grad().item<double>(), 1, 1e-5);
  optimizer.Update(/*learning_rate=*/0.1);
  EXPECT_NEAR(weight.item<double>(), 2 * (1 - 0.1 * 0.5) - 0.1, 1e-5);
  const double decay = 2.0 / 11;
  EXPECT_NEAR(optimizer.averages().at("weight").item<double>(), 2 * decay + 1.8 * (1 - decay),
              1e-5);
}

}  // namespace
}  // namespace magnet
