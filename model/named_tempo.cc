#include "model/named_tempo.h"

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace magnet {
namespace {

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool IsAlpha(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); }

// Numbers with their fractions and words of letters, in order; what is between them goes.
std::vector<std::string> WordsAndNumbers(std::string_view text) {
  std::vector<std::string> words;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    if (IsDigit(text[i])) {
      while (i < text.size() && IsDigit(text[i])) ++i;
      if (i + 1 < text.size() && text[i] == '.' && IsDigit(text[i + 1])) {
        for (++i; i < text.size() && IsDigit(text[i]);) ++i;
      }
    } else if (IsAlpha(text[i])) {
      while (i < text.size() && IsAlpha(text[i])) ++i;
    } else {
      ++i;
      continue;
    }
    const std::string_view word = text.substr(begin, i - begin);
    words.push_back(absl::AsciiStrToLower(absl::string_view(word.data(), word.size())));
  }
  return words;
}

// "bpm" or "beats per minute" from words[at] on.
bool IsUnit(const std::vector<std::string>& words, size_t at) {
  if (at >= words.size()) return false;
  if (words[at] == "bpm") return true;
  return at + 2 < words.size() && words[at] == "beats" &&
         (words[at + 1] == "per" || words[at + 1] == "a") && words[at + 2] == "minute";
}

bool FollowsBpm(const std::vector<std::string>& words, size_t at) {
  if (at > 0 && (words[at - 1] == "is" || words[at - 1] == "of")) --at;
  return at > 0 && words[at - 1] == "bpm";
}

}  // namespace

std::optional<double> NamedTempo(std::string_view text) {
  const std::vector<std::string> words = WordsAndNumbers(text);
  for (size_t i = 0; i < words.size(); ++i) {
    double number = 0;
    if (!IsDigit(words[i][0]) || !absl::SimpleAtod(words[i], &number)) continue;
    if (IsUnit(words, i + 1) || FollowsBpm(words, i)) return number;
  }
  return std::nullopt;
}

}  // namespace magnet
