// From a score to sound.
#ifndef MAGNET_TRAIN_COMPOSER_SYNTHESIZER_H_
#define MAGNET_TRAIN_COMPOSER_SYNTHESIZER_H_

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "train/composer/score.h"

namespace magnet {

// Plays scores with libfluidsynth and a soundfont. One per thread; the samples
// of one soundfont are shared between all of a process.
class Synthesizer {
 public:
  // Fails with NOT_FOUND (naming the Debian package) where the file is missing,
  // and INVALID_ARGUMENT where it is no soundfont.
  static absl::StatusOr<std::unique_ptr<Synthesizer>> Load(const std::string& soundfont,
                                                           int sample_rate_hz);
  ~Synthesizer();

  // One dry mono track for each Part, score.length_s long. The result depends
  // on the score alone, not on what was played before.
  absl::StatusOr<std::array<std::vector<float>, kNumParts>> Play(const Score& score);

 private:
  struct Handles;
  explicit Synthesizer(std::unique_ptr<Handles> handles);
  std::unique_ptr<Handles> handles_;
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_COMPOSER_SYNTHESIZER_H_
