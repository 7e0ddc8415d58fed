#include "train/progress_bar.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace magnet {
namespace {

constexpr int kBarWidth = 24;
constexpr double kMemory = 0.95;  // of one update for the last
constexpr int64_t kPlainLineEvery = 100;
constexpr std::chrono::milliseconds kRedrawEvery(100);

double Seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

std::string FormatSeconds(double seconds) {
  const auto whole = static_cast<int64_t>(seconds);
  if (whole < 60) return absl::StrFormat("%ds", whole);
  if (whole < 3600) return absl::StrFormat("%dm%02ds", whole / 60, whole % 60);
  return absl::StrFormat("%dh%02dm", whole / 3600, whole / 60 % 60);
}

ProgressBar::ProgressBar(std::ostream& out, bool is_terminal, int64_t first, int64_t total)
    : out_(out), is_terminal_(is_terminal), done_(first), total_(total), updated_(Clock::now()) {}

void ProgressBar::Update(int64_t done, int64_t items, const std::string& note) {
  const Clock::time_point now = Clock::now();
  recent_.seconds = kMemory * recent_.seconds + Seconds(now - updated_);
  recent_.steps = kMemory * recent_.steps + static_cast<double>(done - done_);
  recent_.items = kMemory * recent_.items + static_cast<double>(items);
  updated_ = now;
  done_ = done;
  if (is_terminal_ && (now - drawn_ >= kRedrawEvery || done == total_)) {
    out_ << '\r' << Line(note) << "\x1b[K" << std::flush;
    line_open_ = true;
    drawn_ = now;
  } else if (!is_terminal_ && (done % kPlainLineEvery == 0 || done == total_)) {
    out_ << Line(note) << std::endl;
  }
}

std::string ProgressBar::Line(const std::string& note) const {
  const int filled = static_cast<int>(kBarWidth * done_ / std::max<int64_t>(total_, 1));
  const double per_step = recent_.seconds / std::max(recent_.steps, 1e-9);
  return absl::StrFormat("%8d/%d [%s%s] %s  %.1f items/s  %s left", done_, total_,
                         std::string(filled, '#'), std::string(kBarWidth - filled, '.'), note,
                         items_per_second(),
                         FormatSeconds(per_step * static_cast<double>(total_ - done_)));
}

void ProgressBar::Finish() {
  if (line_open_) out_ << std::endl;
  line_open_ = false;
}

}  // namespace magnet
