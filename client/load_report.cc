#include "client/load_report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/call_error.h"

namespace magnet::client {
namespace {

double PerSecond(double amount, const LoadReport& report) {
  return report.wall_seconds > 0 ? amount / report.wall_seconds : 0;
}

nlohmann::json DistributionJson(const Distribution& values) {
  return {{"count", values.count}, {"mean", values.mean}, {"p50", values.p50},
          {"p90", values.p90},     {"p99", values.p99},   {"max", values.max}};
}

std::string Row(const char* name, const char* unit, const Distribution& values) {
  if (values.count == 0) return "";
  return absl::StrFormat("  %-18s %9.3f %9.3f %9.3f %9.3f %9.3f  %s\n", name, values.p50,
                         values.p90, values.p99, values.max, values.mean, unit);
}

}  // namespace

LoadReport MakeLoadReport(const std::vector<LoadSample>& samples, absl::Duration wall) {
  LoadReport report;
  report.requests = static_cast<int>(samples.size());
  report.wall_seconds = absl::ToDoubleSeconds(wall);
  std::vector<double> first_audio, total, queue, factor;
  for (const LoadSample& sample : samples) {
    if (sample.cancelled_on_purpose) {
      ++report.cancelled;
      continue;
    }
    if (sample.code != grpc::StatusCode::OK) {
      ++report.errors[CodeName(sample.code)];
      continue;
    }
    ++report.succeeded;
    report.audio_seconds += sample.audio_seconds;
    first_audio.push_back(absl::ToDoubleSeconds(sample.first_audio));
    total.push_back(absl::ToDoubleSeconds(sample.total));
    queue.push_back(sample.queue_seconds);
    if (sample.audio_seconds > 0) factor.push_back(sample.compute_seconds / sample.audio_seconds);
  }
  report.first_audio_seconds = Describe(std::move(first_audio));
  report.total_seconds = Describe(std::move(total));
  report.queue_seconds = Describe(std::move(queue));
  report.real_time_factor = Describe(std::move(factor));
  return report;
}

nlohmann::json LoadReportJson(const LoadReport& report) {
  return {
      {"requests", report.requests},
      {"succeeded", report.succeeded},
      {"cancelled", report.cancelled},
      {"failed", report.failed()},
      {"errors", report.errors},
      {"wall_seconds", report.wall_seconds},
      {"audio_seconds", report.audio_seconds},
      {"requests_per_second", PerSecond(report.succeeded, report)},
      {"audio_seconds_per_second", PerSecond(report.audio_seconds, report)},
      {"first_audio_seconds", DistributionJson(report.first_audio_seconds)},
      {"total_seconds", DistributionJson(report.total_seconds)},
      {"queue_seconds", DistributionJson(report.queue_seconds)},
      {"real_time_factor", DistributionJson(report.real_time_factor)},
  };
}

std::string LoadReportText(const LoadReport& report) {
  std::string text = absl::StrFormat(
      "%d requests in %.1f s: %d succeeded, %d cancelled on purpose, %d failed\n", report.requests,
      report.wall_seconds, report.succeeded, report.cancelled, report.failed());
  for (const auto& [code, count] : report.errors) {
    absl::StrAppend(&text, absl::StrFormat("  %5d %s\n", count, code));
  }
  if (report.succeeded == 0) return text;
  absl::StrAppend(&text, absl::StrFormat("%.2f clips/s, %.2f s of music per second\n\n",
                                         PerSecond(report.succeeded, report),
                                         PerSecond(report.audio_seconds, report)));
  absl::StrAppend(&text, absl::StrFormat("  %-18s %9s %9s %9s %9s %9s\n", "", "p50", "p90", "p99",
                                         "max", "mean"));
  absl::StrAppend(&text, Row("first audio", "s", report.first_audio_seconds),
                  Row("whole clip", "s", report.total_seconds),
                  Row("in the queue", "s", report.queue_seconds),
                  Row("real-time factor", "", report.real_time_factor));
  return text;
}

}  // namespace magnet::client
