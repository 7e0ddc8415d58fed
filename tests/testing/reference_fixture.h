// One folder of reference data: a small model and what the reference computes
// with it (tests/testdata/README.md).
#ifndef MAGNET_TESTS_TESTING_REFERENCE_FIXTURE_H_
#define MAGNET_TESTS_TESTING_REFERENCE_FIXTURE_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/bundle.h"
#include "model/checkpoint/bundle_import.h"
#include "model/checkpoint/safetensors.h"
#include "model/generation_spec.h"
#include "model/torch.h"
#include "tests/testing/testdata.h"

namespace magnet {

class ReferenceFixture {
 public:
  // kCausal: expected.safetensors, which was computed so. kWindow: the later
  // stages' results of windowed.safetensors instead of them.
  explicit ReferenceFixture(const std::string& name,
                            SubcodesAttention attention = SubcodesAttention::kCausal)
      : attention_(attention),
        folder_(TestdataPath(name)),
        expected_(nlohmann::json::parse(ReadTestdata(name + "/expected.json"))) {
    auto file = ReadSafetensors(folder_ + "/expected.safetensors");
    EXPECT_TRUE(file.ok()) << file.status();
    if (file.ok()) tensors_ = std::move(file->tensors);
    if (attention == SubcodesAttention::kWindow) UseWindowedResults();
  }

  const std::string& folder() const { return folder_; }
  const nlohmann::json& expected() const { return expected_; }
  const torch::Tensor& tensor(const std::string& name) const { return tensors_.at(name); }
  bool has(const std::string& name) const { return tensors_.count(name) > 0; }
  std::string prompt(int index) const { return expected_["prompts"][index]; }

  Bundle Import() const {
    ImportRequest request;
    request.lm = folder_;
    request.t5 = folder_ + "/t5";
    request.name = "fixture";
    request.license = "MIT";
    request.subcodes_attention = attention_;
    auto bundle = ImportBundle(request);
    EXPECT_TRUE(bundle.ok()) << bundle.status();
    return *std::move(bundle);
  }

  // Writes the model as a bundle of float32 into `folder`.
  void WriteBundleTo(const std::string& folder) const {
    std::filesystem::create_directories(folder);
    const absl::Status written = WriteBundle(Import(), torch::kFloat, folder);
    EXPECT_TRUE(written.ok()) << written;
  }

  // The spec of one of expected()["runs"].
  GenerationSpec SpecOf(const nlohmann::json& run) const {
    const nlohmann::json& params = run["params"];
    GenerationSpec spec;
    spec.sections = {{0.0, {{prompt(run["prompt"]), 1.0}}}};
    spec.duration_seconds = expected_["config"]["seconds"];
    spec.sampling.greedy = true;
    spec.sampling.temperature = params["temperature"];
    spec.sampling.guidance_max = params["max_cfg_coef"];
    spec.sampling.guidance_min = params["min_cfg_coef"];
    spec.sampling.decoding_steps = params["decoding_steps"].get<std::vector<int>>();
    spec.sampling.span_arrangement = params["span_arrangement"] == "stride1"
                                         ? SpanArrangement::kStride1
                                         : SpanArrangement::kNonoverlap;
    const std::string given = "generate." + run["name"].get<std::string>() + ".prompt_codes";
    if (has(given)) {
      const torch::Tensor codes = tensor(given).contiguous();
      spec.given_codes.num_frames = static_cast<int>(codes.size(2));
      spec.given_codes.codes.assign(codes.data_ptr<int64_t>(),
                                    codes.data_ptr<int64_t>() + codes.numel());
    }
    return spec;
  }

  // False for a run that the reference itself does not repeat when its weights
  // are disturbed in their last digits (windowed_reference.py).
  bool IsStable(const nlohmann::json& run) const {
    return has("generate." + run["name"].get<std::string>() + ".tokens");
  }

  std::vector<int64_t> TokensOf(const nlohmann::json& run) const {
    const torch::Tensor tokens =
        tensor("generate." + run["name"].get<std::string>() + ".tokens").contiguous();
    return {tokens.data_ptr<int64_t>(), tokens.data_ptr<int64_t>() + tokens.numel()};
  }

 private:
  void UseWindowedResults() {
    const auto file = ReadSafetensors(folder_ + "/windowed.safetensors");
    ASSERT_TRUE(file.ok()) << file.status();
    std::erase_if(tensors_, [](const auto& entry) {
      return entry.first.starts_with("generate.") && !entry.first.ends_with(".prompt_codes");
    });
    for (const auto& [name, tensor] : file->tensors) tensors_[name] = tensor;
  }

  SubcodesAttention attention_;
  std::string folder_;
  nlohmann::json expected_;
  TensorMap tensors_;
};

}  // namespace magnet

#endif  // MAGNET_TESTS_TESTING_REFERENCE_FIXTURE_H_
