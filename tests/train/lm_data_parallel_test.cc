#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "tests/train/lm_run.h"
#include "train/lm_trainer.h"

namespace magnet {
namespace {

int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), length), 0);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  close(fd);
  return ntohs(address.sin_port);
}

// The gradients of a step of text alone and of a usual one.
absl::StatusOr<std::vector<torch::Tensor>> GradientsOfBothKinds(LmTrainer& trainer) {
  auto text = trainer.GradientsOf(0);
  if (!text.ok()) return text;
  std::vector<torch::Tensor> all;
  for (const torch::Tensor& gradient : *text) all.push_back(gradient.clone());
  auto usual = trainer.GradientsOf(3);
  if (!usual.ok()) return usual;
  all.insert(all.end(), usual->begin(), usual->end());
  return all;
}

// Those gradients, computed with the process that RANK names.
std::vector<torch::Tensor> GradientsTogether(const LmTrainingConfig& config) {
  auto processes = ProcessGroup::FromEnvironment();
  EXPECT_TRUE(processes.ok()) << processes.status();
  if (!processes.ok()) return {};
  LmRun run(config, processes->get());
  auto gradients = GradientsOfBothKinds(*run.trainer);
  EXPECT_TRUE(gradients.ok()) << gradients.status();
  // Nobody leaves while the other is still reading.
  EXPECT_TRUE((*processes)->Sum({torch::zeros({1})}).ok());
  return gradients.value_or(std::vector<torch::Tensor>());
}

// Breaks where training on several machines is another training.
TEST(DataParallelDeathTest, TwoProcessesGiveTheGradientsOfTheDoubleBatch) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const std::string folder = TestFolder("parallel");
  if (!std::filesystem::exists(folder + "/codes")) WriteTinyData(folder, 9);
  LmTrainingConfig config = TinyLmConfig(folder);
  config.run.accumulation = 2;
  config.text_first = {.steps = 1, .batch_size = 3, .weight_after = 0.3, .batch_size_after = 2};
  config.annotation_weight = 0.5;
  TrainNeighbours(/*tables=*/3, config);
  if (!::testing::internal::InDeathTestChild()) {
    setenv("WORLD_SIZE", "2", 1);
    setenv("MASTER_ADDR", "127.0.0.1", 1);
    setenv("MASTER_PORT", std::to_string(FreePort()).c_str(), 1);
    setenv("RANK", "0", 1);
  }
  std::vector<torch::Tensor> together;
  std::thread leader;
  if (!::testing::internal::InDeathTestChild()) {
    leader = std::thread([&] { together = GradientsTogether(config); });
  }
  EXPECT_EXIT(
      {
        setenv("RANK", "1", 1);
        std::_Exit(GradientsTogether(config).empty() ? 1 : 0);
      },
      ::testing::ExitedWithCode(0), "");
  leader.join();
  for (const char* name : {"WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "RANK"}) unsetenv(name);

  config.run.batch_size *= 2;
  config.text_first.batch_size *= 2;
  config.text_first.batch_size_after *= 2;
  LmRun alone(config);
  const auto expected = GradientsOfBothKinds(*alone.trainer);
  ASSERT_TRUE(expected.ok()) << expected.status();
  ASSERT_EQ(together.size(), expected->size());
  double largest = 0;
  for (size_t i = 0; i < together.size(); ++i) {
    const double scale = (*expected)[i].abs().max().item<double>();
    const double error = (together[i] - (*expected)[i]).abs().max().item<double>();
    EXPECT_LE(error, 1e-5 * std::max(scale, 1e-3)) << "parameter " << i;
    largest = std::max(largest, scale);
  }
  EXPECT_GT(largest, 1e-3) << "there is no gradient at all";
}

}  // namespace
}  // namespace magnet
