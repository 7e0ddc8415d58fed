#include "server/request_log.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/status_conversion.h"

namespace magnet {
namespace {

using Json = nlohmann::ordered_json;

std::string Timestamp(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

// Text of clients may hold bytes that are not UTF-8.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

}  // namespace

void RequestLog::Write(const RequestRecord& record) {
  Json json = {{"time", Timestamp(record.end)},   {"event", "request"},
               {"request_id", record.request_id}, {"peer", record.peer},
               {"model", record.model},           {"code", CodeName(record.status.code())}};
  if (!record.traceparent.empty()) json["traceparent"] = record.traceparent;
  if (!record.key.empty()) json["key"] = record.key;
  if (!record.status.ok()) {
    json["reason"] = ErrorReason(record.status);
    json["message"] = std::string(record.status.message());
  }
  json["seed"] = record.seed;
  json["request_seconds"] = record.request_seconds;
  json["queue_seconds"] = record.queue_seconds;
  json["compute_seconds"] = record.compute_seconds;
  json["first_audio_seconds"] = record.first_audio_seconds;
  json["audio_seconds"] = record.audio_seconds;
  json["passes"] = record.passes;
  json["size_bytes"] = record.size_bytes;
  if (with_prompts_) json["prompt"] = record.prompt;
  WriteLine(Dump(json));
}

void RequestLog::Event(absl::Time time, const std::string& message) {
  WriteLine(Dump({{"time", Timestamp(time)}, {"event", "server"}, {"message", message}}));
}

void RequestLog::WriteLine(const std::string& line) {
  absl::MutexLock lock(&mutex_);
  if (lost_lines_ > 0) {
    out_ << Dump(
                {{"time", Timestamp(absl::Now())},
                 {"event", "server"},
                 {"message", absl::StrCat(lost_lines_, " lines of this log could not be written")}})
         << '\n';
  }
  out_ << line << '\n' << std::flush;
  lost_lines_ = out_ ? 0 : lost_lines_ + 1;
  // A stream that has failed once takes nothing more until it is told to.
  out_.clear();
}

}  // namespace magnet
