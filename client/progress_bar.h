// The line on stderr that shows how far a clip is.
#ifndef MAGNET_CLIENT_PROGRESS_BAR_H_
#define MAGNET_CLIENT_PROGRESS_BAR_H_

#include <optional>
#include <ostream>
#include <string>

#include "absl/time/time.h"
#include "client/environment.h"
#include "magnet/v1/music.pb.h"

namespace magnet::client {

// How a line may look.
struct LineStyle {
  int width = 80;  // columns; the line is at most one less, so that it never wraps
  bool color = false;
  bool unicode = true;
};

// A bar, percent, time left, window, stage and step, as much of it as fits:
// the details go first, then the bar. `prefix` comes before the bar.
// `remaining`: what is left now, if known.
std::string RenderProgress(const v1::Progress& progress, std::optional<absl::Duration> remaining,
                           const std::string& prefix, const LineStyle& style);

// `text` cut to the width, in the style of a note.
std::string RenderNote(const std::string& text, const LineStyle& style);

// "4 s", "1:05", "2:00:05".
std::string FormatRemaining(absl::Duration remaining);

// Draws over its own line; does nothing where `terminal` is not one. At most 20
// times a second, the last state always. Not thread-safe.
class ProgressBar {
 public:
  // Not owned: `out` and `clock` outlive the bar.
  ProgressBar(std::ostream* out, const Terminal& terminal, const Clock* clock)
      : out_(out), terminal_(terminal), clock_(clock) {}
  ~ProgressBar() { Clear(); }

  // Comes before the bar from now on: "2/4 ".
  void set_prefix(const std::string& prefix) { prefix_ = prefix; }

  void Update(const v1::Progress& progress);
  void Note(const std::string& text);

  // Removes the line. The next Update() draws a new one.
  void Clear();

 private:
  LineStyle Style() const;
  void Draw(const std::string& line);

  std::ostream* const out_;
  const Terminal terminal_;
  const Clock* const clock_;
  std::string prefix_;
  bool drawn_ = false;
  absl::Time next_draw_ = absl::InfinitePast();
};

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_PROGRESS_BAR_H_
