#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "model/bundle.h"
#include "model/generator.h"
#include "tests/train/lm_run.h"
#include "train/lm_trainer.h"
#include "train/neighbour_start.h"

namespace magnet {
namespace {

torch::Tensor TablesOf(const std::string& folder) {
  const auto bundle = OpenBundle(folder);
  EXPECT_TRUE(bundle.ok()) << bundle.status();
  return bundle.ok() ? bundle->lm.at(kNeighboursName).to(torch::kFloat) : torch::Tensor();
}

// Breaks where a bundle's tables are not those of the clips, or a run that began without them
// cannot go on with them.
TEST(LmNeighboursTest, CountedTablesGoIntoTheBundle) {
  const std::string folder = TestFolder("tables");
  WriteTinyData(folder, 4);
  LmTrainingConfig config = TinyLmConfig(folder);
  LmRun without(config);
  ASSERT_TRUE(without.trainer->Step(0).ok());
  const TensorMap state = without.trainer->State();
  config.lm.neighbour_tables = 2;
  config.sampling.neighbour_weight = 0.5;
  LmRun run(config);
  EXPECT_EQ(run.trainer->Fingerprint(), without.trainer->Fingerprint());
  ASSERT_EQ(run.trainer->Restore(state), absl::OkStatus());
  ASSERT_TRUE(run.trainer->Export({}, "# Tiny\n", folder + "/bundle").ok());
  const torch::Tensor tables = TablesOf(folder + "/bundle");
  ASSERT_EQ(tables.size(0), 2);
  EXPECT_TRUE(torch::allclose(tables[1], NeighbourTable(*run.clips, 1), 0, 1e-2));
  LmTrainingConfig again = TinyLmConfig(folder);
  again.start_from = folder + "/bundle";
  LmRun finetuned(again);
  EXPECT_EQ(finetuned.trainer->model_config().lm.neighbour_tables, 2);
  EXPECT_TRUE(OpenGenerator(folder + "/bundle", GeneratorOptions()).ok());
}

// Breaks where trained tables do not learn, stay behind when a bundle is written, or a run that
// goes on from them counts anew; or where a run that does not train them keeps them.
TEST(LmNeighboursTest, TrainedTablesLearnAndGoOn) {
  const std::string folder = TestFolder("trained_tables");
  WriteTinyData(folder, 4);
  LmTrainingConfig config = TinyLmConfig(folder);
  config.stage_weights = {1, 0, 0};
  TrainNeighbours(/*tables=*/1, config);
  LmRun run(config);
  const torch::Tensor counted = NeighbourTable(*run.clips, 0);
  for (int64_t step = 0; step < 10; ++step) ASSERT_TRUE(run.trainer->Step(step).ok());
  ASSERT_TRUE(run.trainer->Export({}, "", folder + "/bundle").ok());
  const torch::Tensor trained = TablesOf(folder + "/bundle");
  EXPECT_GT((trained[0] - counted).abs().max().item<double>(), 0.02) << "nothing was learnt";
  const torch::Tensor averaged = run.trainer->State().at("average.lm.neighbours");
  EXPECT_TRUE(torch::equal(trained, averaged.to(torch::kHalf).to(torch::kFloat)));

  LmTrainingConfig next = config;
  next.start_from = folder + "/bundle";
  next.codec.clear();
  LmRun going_on(next);
  ASSERT_TRUE(going_on.trainer->Export({}, "", folder + "/next").ok());
  EXPECT_TRUE(torch::equal(TablesOf(folder + "/next"), trained));

  next.lm.neighbour_tables = 2;
  const absl::Status refused = MakeLmParts(next, *run.clips).status();
  EXPECT_TRUE(absl::StrContains(refused.message(), "lm.neighbour_tables 2 against 1")) << refused;
  next.lm.neighbour_tables = 1;
  next.train_neighbours = false;
  LmRun untrained(next);
  ASSERT_TRUE(untrained.trainer->Export({}, "", folder + "/untrained").ok());
  EXPECT_TRUE(torch::allclose(TablesOf(folder + "/untrained")[0], counted, 0, 1e-2));
}

// Breaks where what a frame is told of the frame before does not reach the loss: with the table
// that says which code follows, the loss is less.
TEST(LmNeighboursTest, TheLossIsGivenTheFrameBefore) {
  const std::string folder = TestFolder("given_before");
  WriteTinyData(folder, 4);
  LmTrainingConfig config = TinyLmConfig(folder);
  LmRun without(config);
  TrainNeighbours(/*tables=*/1, config);
  LmRun with(config);
  const auto before = without.trainer->Validate(), after = with.trainer->Validate();
  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_LT(after->at("validation_loss_stage0"), before->at("validation_loss_stage0"));
  EXPECT_EQ(after->at("validation_loss_stage1"), before->at("validation_loss_stage1"));
}

}  // namespace
}  // namespace magnet
