#include "client/progress_bar.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace magnet::client {
namespace {

constexpr int kMinBar = 10;
constexpr int kMaxBar = 40;
constexpr absl::Duration kDrawInterval = absl::Milliseconds(50);
constexpr char kCyan[] = "\x1b[36m";
constexpr char kDim[] = "\x1b[2m";
constexpr char kReset[] = "\x1b[0m";

std::string Colored(const char* color, const std::string& text, const LineStyle& style) {
  return style.color && !text.empty() ? absl::StrCat(color, text, kReset) : text;
}

std::string Repeat(const char* symbol, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += symbol;
  return text;
}

std::string Bar(double share, int columns, const LineStyle& style) {
  const int done = static_cast<int>(std::floor(share * columns));
  if (!style.unicode) {
    const int inner = std::max(columns - 2, 1);
    const int filled = static_cast<int>(std::floor(share * inner));
    return absl::StrCat("[", Colored(kCyan, Repeat("#", filled), style),
                        Repeat("-", inner - filled), "]");
  }
  // Without colour the two halves must differ in shape.
  const char* const rest = style.color ? "━" : "─";
  return Colored(kCyan, Repeat("━", done), style) +
         Colored(kDim, Repeat(rest, columns - done), style);
}

// Parts of the line after the bar, the first to be kept longest. All are ASCII.
std::vector<std::string> Details(const v1::Progress& progress,
                                 std::optional<absl::Duration> remaining) {
  std::vector<std::string> parts;
  if (remaining) parts.push_back(absl::StrCat(FormatRemaining(*remaining), " left"));
  if (progress.num_windows() > 1) {
    parts.push_back(absl::StrFormat("window %d/%d", progress.window() + 1, progress.num_windows()));
  }
  parts.push_back(absl::StrFormat("stage %d/%d", progress.stage() + 1, progress.num_stages()));
  parts.push_back(absl::StrFormat("step %*d/%d", progress.num_steps() > 9 ? 2 : 1, progress.step(),
                                  progress.num_steps()));
  return parts;
}

}  // namespace

std::string FormatRemaining(absl::Duration remaining) {
  const int64_t seconds = std::max<int64_t>(0, std::llround(absl::ToDoubleSeconds(remaining)));
  if (seconds < 60) return absl::StrFormat("%d s", seconds);
  if (seconds < 3600) return absl::StrFormat("%d:%02d", seconds / 60, seconds % 60);
  return absl::StrFormat("%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string RenderProgress(const v1::Progress& progress, std::optional<absl::Duration> remaining,
                           const std::string& prefix, const LineStyle& style) {
  const double share =
      progress.total_steps() > 0
          ? std::clamp(static_cast<double>(progress.steps_done()) / progress.total_steps(), 0., 1.)
          : 0;
  const std::string percent = absl::StrFormat("%3d %%", static_cast<int>(share * 100));
  int left = style.width - 1 - static_cast<int>(prefix.size() + percent.size());
  if (left < 0) return percent.substr(0, std::max(style.width - 1, 0));
  const int bar = left >= kMinBar + 1 ? kMinBar : 0;
  if (bar > 0) left -= bar + 1;

  const std::string separator = style.unicode ? " · " : " | ";
  std::string details;
  for (const std::string& part : Details(progress, remaining)) {
    const int columns = 3 + static_cast<int>(part.size());
    if (columns > left) break;
    left -= columns;
    absl::StrAppend(&details, separator, part);
  }
  std::string line = prefix;
  if (bar > 0) {
    absl::StrAppend(&line, Bar(share, std::min(bar + left, kMaxBar), style), " ");
  }
  return absl::StrCat(line, percent, Colored(kDim, details, style));
}

std::string RenderNote(const std::string& text, const LineStyle& style) {
  size_t end = std::min<size_t>(text.size(), std::max(style.width - 1, 0));
  // Not in the middle of a UTF-8 character.
  while (end < text.size() && end > 0 && (text[end] & 0xC0) == 0x80) --end;
  return Colored(kDim, text.substr(0, end), style);
}

LineStyle ProgressBar::Style() const {
  return {terminal_.width(), terminal_.color, terminal_.unicode};
}

void ProgressBar::Draw(const std::string& line) {
  *out_ << "\r" << line << "\x1b[K" << std::flush;
  drawn_ = true;
}

void ProgressBar::Update(const v1::Progress& progress) {
  if (!terminal_.is_terminal) return;
  const absl::Time now = clock_->Now();
  const bool is_last = progress.steps_done() == progress.total_steps();
  if (now < next_draw_ && !is_last) return;
  next_draw_ = now + kDrawInterval;
  std::optional<absl::Duration> remaining;
  if (progress.has_remaining_seconds()) remaining = absl::Seconds(progress.remaining_seconds());
  Draw(RenderProgress(progress, remaining, prefix_, Style()));
}

void ProgressBar::Note(const std::string& text) {
  if (!terminal_.is_terminal) return;
  Draw(RenderNote(prefix_ + text, Style()));
}

void ProgressBar::Clear() {
  if (!drawn_) return;
  *out_ << "\r\x1b[K" << std::flush;
  drawn_ = false;
  next_draw_ = absl::InfinitePast();
}

}  // namespace magnet::client
