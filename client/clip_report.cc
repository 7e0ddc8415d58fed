#include "client/clip_report.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/generation_options.h"

namespace magnet::client {

double RealTimeFactor(const v1::Finished& finished) {
  return finished.audio_seconds() > 0 ? finished.compute_seconds() / finished.audio_seconds() : 0;
}

namespace {

// "120 bpm", and where it changes "120, then 90 bpm"; empty where no tempo is known.
std::string TempoText(const v1::Finished& finished) {
  std::vector<std::string> texts;
  for (const v1::Tempo& tempo : finished.tempos()) {
    std::string text = absl::StrFormat("%.0f", tempo.bpm());
    const bool is_new = texts.empty() || texts.back() != text;
    if (tempo.bpm() > 0 && is_new) texts.push_back(std::move(text));
  }
  return texts.empty() ? "" : absl::StrJoin(texts, ", then ") + " bpm";
}

nlohmann::json TemposJson(const v1::Finished& finished) {
  nlohmann::json tempos = nlohmann::json::array();
  for (const v1::Tempo& tempo : finished.tempos()) {
    tempos.push_back({{"start_seconds", tempo.start_seconds()},
                      {"bpm", tempo.bpm()},
                      {"beats_per_bar", tempo.beats_per_bar()}});
  }
  return tempos;
}

}  // namespace

std::string ClipSummary(const GenerateOutcome& outcome, const std::string& path, bool unicode) {
  const v1::Finished& finished = outcome.clip.finished();
  const char* const separator = unicode ? " · " : ", ";
  std::string text =
      absl::StrFormat("%.1f s of music in %.1f s%sreal-time factor %.2f%sseed %d",
                      finished.audio_seconds(), absl::ToDoubleSeconds(outcome.elapsed), separator,
                      RealTimeFactor(finished), separator, finished.seed());
  if (const std::string tempo = TempoText(finished); !tempo.empty()) {
    absl::StrAppend(&text, separator, tempo);
  }
  if (!finished.model().empty()) absl::StrAppend(&text, separator, finished.model());
  return path.empty() ? text : absl::StrCat(path, ": ", text);
}

nlohmann::json ClipJson(const GenerateOutcome& outcome, const std::string& path) {
  const v1::Started& started = outcome.clip.started();
  const v1::Finished& finished = outcome.clip.finished();
  nlohmann::json json = {
      {"request_id", started.request_id()},
      {"model", finished.model()},
      {"model_version", finished.model_version()},
      {"seed", finished.seed()},
      {"format", FormatName(started.format())},
      {"media_type", started.media_type()},
      {"sample_rate_hz", started.sample_rate_hz()},
      {"channels", started.channels()},
      {"samples", finished.samples()},
      {"audio_seconds", finished.audio_seconds()},
      {"size_bytes", finished.size_bytes()},
      {"sha256", absl::BytesToHexString(finished.sha256())},
      {"queue_seconds", finished.queue_seconds()},
      {"compute_seconds", finished.compute_seconds()},
      {"first_audio_seconds", finished.first_audio_seconds()},
      {"passes", finished.passes()},
      {"tempos", TemposJson(finished)},
      {"real_time_factor", RealTimeFactor(finished)},
      {"client_first_audio_seconds", absl::ToDoubleSeconds(outcome.first_audio)},
      {"client_seconds", absl::ToDoubleSeconds(outcome.elapsed)},
      {"tries", outcome.tries},
  };
  if (!path.empty()) json["file"] = path;
  return json;
}

std::string JsonLine(const nlohmann::json& json) {
  return json.dump(/*indent=*/-1, ' ', /*ensure_ascii=*/false,
                   nlohmann::json::error_handler_t::replace) +
         "\n";
}

}  // namespace magnet::client
