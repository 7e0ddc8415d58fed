#include "train/composer/score.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace magnet {

void Score::Finish() {
  const auto order = [](const Note& note) {
    return std::make_tuple(note.start_s, note.part, note.pitch);
  };
  std::sort(notes.begin(), notes.end(),
            [&](const Note& a, const Note& b) { return order(a) < order(b); });
  std::map<std::pair<Part, int>, double> next_start;
  for (auto note = notes.rbegin(); note != notes.rend(); ++note) {
    const auto key = std::make_pair(note->part, note->pitch);
    if (const auto next = next_start.find(key); next != next_start.end()) {
      note->duration_s = std::min(note->duration_s, next->second - note->start_s - 0.005);
    }
    note->duration_s = std::max(note->duration_s, 0.02);
    next_start[key] = note->start_s;
  }
}

}  // namespace magnet
