#include "server/status_conversion.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace magnet {
namespace {

// An error travels in trailers, twice over (message and details, encoded), and gRPC
// takes no more than 8 KiB of them: what is longer would end the call, or the
// connection with all its calls, with an error that says nothing.
constexpr size_t kMaxMessageBytes = 300;
constexpr size_t kMaxDescriptionBytes = 200;
constexpr size_t kMaxViolations = 16;

constexpr std::string_view kTypePrefix = "type.googleapis.com/";

template <typename Detail>
std::string TypeUrl() {
  return absl::StrCat(std::string(kTypePrefix), Detail::descriptor()->full_name());
}

template <typename Detail>
void Attach(const Detail& detail, absl::Status& status) {
  status.SetPayload(TypeUrl<Detail>(), absl::Cord(detail.SerializeAsString()));
}

template <typename Detail>
std::optional<Detail> Find(const absl::Status& status) {
  const auto payload = status.GetPayload(TypeUrl<Detail>());
  Detail detail;
  if (!payload || !detail.ParseFromString(std::string(*payload))) return std::nullopt;
  return detail;
}

// At most `max_bytes` of `text`, not ending inside a character.
std::string Shortened(absl::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string(text);
  constexpr absl::string_view kEllipsis = "...";
  size_t end = max_bytes - kEllipsis.size();
  const auto continues_character = [](char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; };
  while (end > 0 && continues_character(text[end])) --end;
  return absl::StrCat(text.substr(0, end), kEllipsis);
}

void AttachReason(std::string_view reason, absl::Status& status) {
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(std::string(kErrorDomain));
  Attach(info, status);
}

std::string_view DefaultReason(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return "INVALID_REQUEST";
    case absl::StatusCode::kResourceExhausted:
      return "OUT_OF_MEMORY";
    case absl::StatusCode::kCancelled:
      return "CLIENT_CANCELLED";
    case absl::StatusCode::kDeadlineExceeded:
      return "DEADLINE";
    case absl::StatusCode::kUnavailable:
      return "SHUT_DOWN";
    default:
      return "GENERATION_FAILED";
  }
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, std::string_view reason, std::string_view message) {
  absl::Status status(
      code, Shortened(absl::string_view(message.data(), message.size()), kMaxMessageBytes));
  AttachReason(reason, status);
  return status;
}

absl::Status MakeRetryableError(absl::StatusCode code, std::string_view reason,
                                std::string_view message, absl::Duration delay) {
  absl::Status status = MakeError(code, reason, message);
  google::rpc::RetryInfo info;
  const timespec time = absl::ToTimespec(delay);
  info.mutable_retry_delay()->set_seconds(time.tv_sec);
  info.mutable_retry_delay()->set_nanos(static_cast<int32_t>(time.tv_nsec));
  Attach(info, status);
  return status;
}

absl::Status MakeBadRequest(const std::vector<FieldViolation>& violations) {
  google::rpc::BadRequest details;
  for (size_t i = 0; i < std::min(violations.size(), kMaxViolations); ++i) {
    auto* entry = details.add_field_violations();
    entry->set_field(violations[i].field);
    entry->set_description(Shortened(violations[i].description, kMaxDescriptionBytes));
  }
  const FieldViolation& first = violations.front();
  std::string message =
      absl::StrCat(first.field, ": ", Shortened(first.description, kMaxDescriptionBytes));
  if (violations.size() > 1) absl::StrAppend(&message, " (and ", violations.size() - 1, " more)");
  absl::Status status = MakeError(absl::StatusCode::kInvalidArgument, "INVALID_REQUEST", message);
  Attach(details, status);
  return status;
}

std::optional<absl::Duration> RetryDelay(const absl::Status& status) {
  const auto info = Find<google::rpc::RetryInfo>(status);
  if (!info) return std::nullopt;
  return absl::Seconds(info->retry_delay().seconds()) +
         absl::Nanoseconds(info->retry_delay().nanos());
}

std::string ErrorReason(const absl::Status& status) {
  const auto info = Find<google::rpc::ErrorInfo>(status);
  return info ? info->reason() : "";
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  absl::Status complete = status;
  if (ErrorReason(complete).empty()) AttachReason(DefaultReason(status.code()), complete);
  const std::string message = Shortened(complete.message(), kMaxMessageBytes);
  google::rpc::Status wire;
  wire.set_code(static_cast<int>(complete.code()));
  wire.set_message(message);
  complete.ForEachPayload([&wire](absl::string_view url, const absl::Cord& bytes) {
    auto* detail = wire.add_details();
    detail->set_type_url(std::string(url));
    detail->set_value(std::string(bytes));
  });
  return grpc::Status(static_cast<grpc::StatusCode>(complete.code()), message,
                      wire.SerializeAsString());
}

std::string CodeName(absl::StatusCode code) { return absl::StatusCodeToString(code); }

}  // namespace magnet
