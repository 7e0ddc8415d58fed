// One line on a terminal that says how a long job stands.
#ifndef MAGNET_TRAIN_PROGRESS_BAR_H_
#define MAGNET_TRAIN_PROGRESS_BAR_H_

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>

namespace magnet {

// "  1200/20000 [###.......] loss 4.812  16.9 items/s  18m42s left".
// One thread. Draws at most ten times a second, over its own line where
// `is_terminal`, else a line every 100 steps.
class ProgressBar {
 public:
  // Work began before at `first` of `total`.
  ProgressBar(std::ostream& out, bool is_terminal, int64_t first, int64_t total);

  // `done` of total are done, `items` more items since the last call. `note` is
  // shown as it is, e.g. "loss 4.812".
  void Update(int64_t done, int64_t items, const std::string& note);

  // Items per second, smoothed over about the last 20 updates.
  double items_per_second() const { return recent_.items / recent_.seconds; }

  // Ends the line, so that other text can follow.
  void Finish();

 private:
  using Clock = std::chrono::steady_clock;

  // Sums over the updates, each weighing less than the one after it. What was
  // found done already passes in no time, and is soon forgotten.
  struct Recent {
    double seconds = 1e-9;
    double steps = 0;
    double items = 0;
  };

  std::string Line(const std::string& note) const;

  std::ostream& out_;
  bool is_terminal_;
  int64_t done_;
  int64_t total_;
  Recent recent_;
  Clock::time_point updated_;
  Clock::time_point drawn_;
  bool line_open_ = false;
};

// "42s", "18m42s", "3h05m".
std::string FormatSeconds(double seconds);

}  // namespace magnet

#endif  // MAGNET_TRAIN_PROGRESS_BAR_H_
