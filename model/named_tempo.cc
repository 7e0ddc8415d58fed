#include "model/named_tempo.h"

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace magnet {
namespace {

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool IsAlpha(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); }

size_t EndOfLetters(std::string_view text, size_t at) {
  while (at < text.size() && IsAlpha(text[at])) ++at;
  return at;
}

size_t EndOfNumber(std::string_view text, size_t at) {
  while (at < text.size() && IsDigit(text[at])) ++at;
  if (at + 1 >= text.size() || text[at] != '.' || !IsDigit(text[at + 1])) return at;
  for (++at; at < text.size() && IsDigit(text[at]);) ++at;
  return at;
}

std::string Lower(std::string_view text) {
  return absl::AsciiStrToLower(absl::string_view(text.data(), text.size()));
}

// Numbers with their fractions, words of letters and single signs, in order; spaces and
// hyphens go. A number that letters follow at once is one word with them ("80s"), but for "bpm".
std::vector<std::string> WordsAndNumbers(std::string_view text) {
  std::vector<std::string> words;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    if (IsDigit(text[i])) {
      i = EndOfNumber(text, i);
      const size_t end = EndOfLetters(text, i);
      if (Lower(text.substr(i, end - i)) != "bpm") i = end;
    } else if (IsAlpha(text[i])) {
      i = EndOfLetters(text, i);
    } else if (const char sign = text[i++];
               sign == '-' || absl::ascii_isspace(static_cast<unsigned char>(sign))) {
      continue;
    }
    words.push_back(Lower(text.substr(begin, i - begin)));
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
  const auto is_link = [](const std::string& word) {
    return word == "is" || word == "of" || word == ":" || word == "=";
  };
  if (at > 0 && is_link(words[at - 1])) --at;
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
