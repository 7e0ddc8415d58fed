// magnet-model as a person runs it, and a small model for it to run.
#ifndef MAGNET_TESTS_MODEL_CLI_MAGNET_MODEL_PROGRAM_H_
#define MAGNET_TESTS_MODEL_CLI_MAGNET_MODEL_PROGRAM_H_

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "model/checkpoint/safetensors.h"
#include "model/torch.h"
#include "tests/testing/testdata.h"

namespace magnet {

struct Outcome {
  int exit_code = 0;
  std::string output;  // stdout and stderr
};

inline Outcome RunProgram(const std::string& arguments) {
  const std::string line = std::string(MAGNET_MODEL_PROGRAM) + " " + arguments + " 2>&1";
  FILE* pipe = popen(line.c_str(), "r");
  Outcome outcome;
  char buffer[4096];
  while (const size_t n = fread(buffer, 1, sizeof buffer, pipe)) outcome.output.append(buffer, n);
  outcome.exit_code = WEXITSTATUS(pclose(pipe));
  return outcome;
}

inline std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

// The file's `codes` [K, T], codebook by codebook.
inline std::vector<int64_t> SavedCodes(const std::string& path) {
  const auto saved = ReadSafetensors(path);
  EXPECT_TRUE(saved.ok()) << saved.status();
  if (!saved.ok()) return {};
  const torch::Tensor codes = saved->tensors.at("codes").contiguous();
  return {codes.data_ptr<int64_t>(), codes.data_ptr<int64_t>() + codes.numel()};
}

inline void ExpectExit(const std::string& arguments, int code, const std::string& part) {
  const Outcome outcome = RunProgram(arguments);
  EXPECT_EQ(outcome.exit_code, code) << arguments << "\n" << outcome.output;
  EXPECT_NE(outcome.output.find(part), std::string::npos)
      << arguments << "\nexpected " << part << "\nfound " << outcome.output;
}

// Each suite has a folder of its own, and in it `bundle`: magnet-tiny, converted.
class MagnetModelTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = ::testing::TempDir() + "/magnet_model_" +
              ::testing::UnitTest::GetInstance()->current_test_suite()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    Convert("magnet-tiny", "", "bundle");
  }

  static std::string Path(const std::string& name) { return folder_ + "/" + name; }

  // One of the reference's models, with `options`, as `bundle` in float32.
  static void Convert(const std::string& fixture, const std::string& options,
                      const std::string& bundle) {
    const std::string source = TestdataPath(fixture);
    const Outcome outcome =
        RunProgram("convert --lm " + source + " --t5 " + source +
                   "/t5 --license MIT --dtype float32 " + options + " --out " + Path(bundle));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  }

 private:
  inline static std::string folder_;
};

}  // namespace magnet

#endif  // MAGNET_TESTS_MODEL_CLI_MAGNET_MODEL_PROGRAM_H_
