#include "client/prompt_syntax.h"

#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace magnet::client {
namespace {

absl::Status Expected(const std::string& what, absl::string_view found) {
  return absl::InvalidArgumentError(absl::StrCat("expected ", what, ", got \"", found, "\""));
}

bool ReadNumber(absl::string_view text, double* number) {
  return absl::SimpleAtod(absl::StripAsciiWhitespace(text), number) && std::isfinite(*number);
}

// One side of a "|", split at its last "*".
struct MixPart {
  std::string text;
  std::optional<std::string> weight;
};

bool IsEscaped(const std::string& text, size_t i) {
  return text[i] == '\\' && i + 1 < text.size() &&
         (text[i + 1] == '|' || text[i + 1] == '*' || text[i + 1] == '\\');
}

std::vector<MixPart> SplitMix(const std::string& text) {
  std::vector<MixPart> parts(1);
  for (size_t i = 0; i < text.size(); ++i) {
    MixPart& part = parts.back();
    std::string& target = part.weight ? *part.weight : part.text;
    if (IsEscaped(text, i)) {
      target += text[++i];
    } else if (text[i] == '|') {
      parts.emplace_back();
    } else if (text[i] == '*' && !part.weight) {
      part.weight.emplace();
    } else {
      target += text[i];
    }
  }
  return parts;
}

}  // namespace

absl::StatusOr<v1::PromptSection> ParseMix(const std::string& text) {
  v1::PromptSection section;
  for (const MixPart& part : SplitMix(text)) {
    v1::WeightedPrompt* prompt = section.add_prompts();
    prompt->set_text(std::string(absl::StripAsciiWhitespace(part.text)));
    if (prompt->text().empty()) return Expected("a text on both sides of \"|\"", text);
    if (!part.weight) continue;
    double weight = 0;
    if (!ReadNumber(*part.weight, &weight) || weight <= 0) {
      return Expected("a weight over 0 after \"*\" (write \\* for the character)", *part.weight);
    }
    prompt->set_weight(weight);
  }
  return section;
}

absl::StatusOr<v1::PromptSection> ParseSection(const std::string& text) {
  const size_t colon = text.find(':');
  double start = 0;
  if (colon == std::string::npos || !ReadNumber(text.substr(0, colon), &start) || start < 0) {
    return Expected("\"SECONDS: TEXT\"", text);
  }
  absl::StatusOr<v1::PromptSection> section = ParseMix(text.substr(colon + 1));
  if (section.ok()) section->set_start_seconds(start);
  return section;
}

absl::StatusOr<v1::TimeRange> ParseRange(const std::string& text) {
  const std::vector<std::string> ends = absl::StrSplit(text, '-');
  double start = 0;
  double end = 0;
  if (ends.size() != 2 || !ReadNumber(ends[0], &start) || !ReadNumber(ends[1], &end) ||
      start >= end) {
    return Expected("\"START-END\" in seconds, START before END", text);
  }
  v1::TimeRange range;
  range.set_start_seconds(start);
  range.set_end_seconds(end);
  return range;
}

absl::StatusOr<Guidance> ParseGuidance(const std::string& text) {
  const std::vector<std::string> words = absl::StrSplit(text, ':');
  Guidance guidance;
  double min = 0;
  if (words.size() > 2 || !ReadNumber(words[0], &guidance.max) || guidance.max < 0 ||
      (words.size() == 2 && (!ReadNumber(words[1], &min) || min < 0))) {
    return Expected("\"MAX\" or \"MAX:MIN\", both at least 0", text);
  }
  if (words.size() == 2) guidance.min = min;
  return guidance;
}

absl::StatusOr<std::vector<int32_t>> ParseSteps(const std::string& text) {
  std::vector<int32_t> steps;
  for (const auto word : absl::StrSplit(text, ',')) {
    if (!absl::SimpleAtoi(word, &steps.emplace_back()) || steps.back() < 1) {
      return Expected("one number of at least 1 per codebook, like 20,10,10,10", text);
    }
  }
  return steps;
}

absl::StatusOr<std::vector<double>> ParseSecondsList(const std::string& text) {
  std::vector<double> seconds;
  for (const auto word : absl::StrSplit(text, ',')) {
    if (!ReadNumber(word, &seconds.emplace_back()) || seconds.back() <= 0) {
      return Expected("lengths over 0 in seconds, like 2,5,10", text);
    }
  }
  return seconds;
}

}  // namespace magnet::client
