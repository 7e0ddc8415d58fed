#include "train/captions.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "train/random.h"

namespace magnet {
namespace {

const std::string& BaseCaption(const MusicBenchRow& row, CaptionChoice choice, Random& random) {
  const bool alternative = choice == CaptionChoice::kAlternative ||
                           (choice == CaptionChoice::kEither && random.Chance(0.5));
  return alternative && !row.alt_caption.empty() ? row.alt_caption : row.main_caption;
}

}  // namespace

std::string CaptionOf(const MusicBenchRow& row, const CaptionOptions& options, uint64_t draw) {
  Random random = Random(options.seed).Fork(absl::StrCat(draw, " ", row.location));
  std::string caption = BaseCaption(row, options.choice, random);
  std::vector<const std::string*> sentences;
  for (const std::string* sentence :
       {&row.prompt_ch, &row.prompt_bt, &row.prompt_bpm, &row.prompt_key}) {
    const bool wanted = random.Chance(options.control_chance);
    if (wanted && !sentence->empty()) sentences.push_back(sentence);
  }
  for (size_t i = sentences.size(); i > 1; --i) {
    std::swap(sentences[i - 1],
              sentences[static_cast<size_t>(random.Integer(0, static_cast<int>(i) - 1))]);
  }
  for (const std::string* sentence : sentences) absl::StrAppend(&caption, " ", *sentence);
  return caption;
}

}  // namespace magnet
