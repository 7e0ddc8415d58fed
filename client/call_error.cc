#include "client/call_error.h"

#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace magnet::client {
namespace {

constexpr const char* kCodeNames[] = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

// A server must not steer the terminal: control characters become spaces.
std::string Printable(std::string text) {
  for (char& c : text) {
    if (absl::ascii_iscntrl(c)) c = ' ';
  }
  return text;
}

// gRPC's words for a server that is not there, in fewer.
std::string Shorten(const std::string& message) {
  if (!absl::StartsWith(message, "failed to connect to all addresses")) return message;
  return absl::StrReplaceAll(
      message, {{"failed to connect to all addresses; last error: UNKNOWN: ", "cannot reach "},
                {"failed to connect to all addresses; last error: UNAVAILABLE: ", "cannot reach "},
                {"Failed to connect to remote host: ", ""},
                {"ipv4:", ""},
                {"ipv6:", ""}});
}

void ReadDetail(const google::protobuf::Any& detail, CallError* error) {
  google::rpc::ErrorInfo info;
  google::rpc::BadRequest bad_request;
  google::rpc::RetryInfo retry;
  if (detail.UnpackTo(&info)) {
    error->reason = Printable(info.reason());
  } else if (detail.UnpackTo(&bad_request)) {
    for (const auto& violation : bad_request.field_violations()) {
      error->fields.emplace_back(Printable(violation.field()), Printable(violation.description()));
    }
  } else if (detail.UnpackTo(&retry)) {
    error->retry_delay = absl::Seconds(retry.retry_delay().seconds()) +
                         absl::Nanoseconds(retry.retry_delay().nanos());
  }
}

}  // namespace

std::string CodeName(grpc::StatusCode code) {
  const size_t index = static_cast<size_t>(code);
  return index < std::size(kCodeNames) ? kCodeNames[index] : absl::StrCat("CODE_", index);
}

grpc::Status FinalStatus(const grpc::ClientContext& context, const grpc::Status& status) {
  const bool has_status = !context.GetServerTrailingMetadata().empty();
  if (status.error_code() != grpc::StatusCode::UNKNOWN || has_status) return status;
  return grpc::Status(grpc::StatusCode::UNAVAILABLE, "the stream ended before its time");
}

CallError ReadCallError(const grpc::Status& status) {
  CallError error;
  error.code = CodeName(status.error_code());
  error.message = Printable(Shorten(status.error_message()));
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details())) {
    for (const auto& detail : details.details()) ReadDetail(detail, &error);
  }
  return error;
}

std::string CallErrorText(const CallError& error) {
  std::string text = error.message.empty() ? error.code : error.message;
  absl::StrAppend(&text, " (", error.code, error.reason.empty() ? "" : ", ", error.reason, ")");
  for (const auto& [field, what] : error.fields) {
    absl::StrAppend(&text, "\n  ", field, ": ", what);
  }
  return text;
}

nlohmann::json CallErrorJson(const CallError& error) {
  nlohmann::json json = {{"code", error.code}, {"message", error.message}};
  if (!error.reason.empty()) json["reason"] = error.reason;
  for (const auto& [field, what] : error.fields) {
    json["fields"].push_back({{"field", field}, {"description", what}});
  }
  if (error.retry_delay) json["retry_delay_seconds"] = absl::ToDoubleSeconds(*error.retry_delay);
  return json;
}

std::optional<absl::Duration> ServerDelay(const grpc::ClientContext& context,
                                          const grpc::Status& status) {
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto pushback = trailers.find("grpc-retry-pushback-ms");
  if (pushback == trailers.end()) return ReadCallError(status).retry_delay;
  int64_t milliseconds = 0;
  const absl::string_view text(pushback->second.data(), pushback->second.size());
  return absl::Milliseconds(absl::SimpleAtoi(text, &milliseconds) ? milliseconds : -1);
}

}  // namespace magnet::client
