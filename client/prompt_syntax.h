// The small syntaxes of option values that stand for more than one number.
//
//   mix       TEXT[*WEIGHT] [| TEXT[*WEIGHT]]...     "piano*2 | rain"
//   section   SECONDS: MIX                           "8: full orchestra"
//   range     START-END                              "2.0-4.5"
//   guidance  MAX[:MIN]                              "10:1"
//   steps     N[,N]...                               "20,10,10,10"
//
// A backslash takes the meaning from the next "|", "*" or "\". Spaces around
// texts and numbers do not count. All errors are INVALID_ARGUMENT and say what
// was expected where.
#ifndef MAGNET_CLIENT_PROMPT_SYNTAX_H_
#define MAGNET_CLIENT_PROMPT_SYNTAX_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "magnet/v1/music.pb.h"

namespace magnet::client {

// A section that starts at 0. A text without a weight has none set. Texts must
// not be empty, weights are greater than 0.
absl::StatusOr<v1::PromptSection> ParseMix(const std::string& text);

absl::StatusOr<v1::PromptSection> ParseSection(const std::string& text);

// 0 <= start < end, in seconds.
absl::StatusOr<v1::TimeRange> ParseRange(const std::string& text);

struct Guidance {
  double max = 0;
  std::optional<double> min;
};

// Both at least 0.
absl::StatusOr<Guidance> ParseGuidance(const std::string& text);

// Each at least 1.
absl::StatusOr<std::vector<int32_t>> ParseSteps(const std::string& text);

// Seconds, each greater than 0: "2,5,10".
absl::StatusOr<std::vector<double>> ParseSecondsList(const std::string& text);

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_PROMPT_SYNTAX_H_
