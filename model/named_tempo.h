// A tempo that a prompt says in numbers.
#ifndef MAGNET_MODEL_NAMED_TEMPO_H_
#define MAGNET_MODEL_NAMED_TEMPO_H_

#include <optional>
#include <string_view>

namespace magnet {

// Beats a minute: the first number that stands before "bpm", "beats per minute" or "beats a
// minute", or after "bpm" (and "is", "of", ":" or "="). Letters of either case; a number may
// have a fraction. None where the text says none so, "allegro" or "fast" included.
std::optional<double> NamedTempo(std::string_view text);

}  // namespace magnet

#endif  // MAGNET_MODEL_NAMED_TEMPO_H_
