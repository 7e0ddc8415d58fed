#include "server/call_metadata.h"

#include <algorithm>
#include <random>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace magnet {
namespace {

constexpr size_t kMaxRequestIdBytes = 64;

uint32_t RandomBits() {
  thread_local std::random_device device;
  return device();
}

// 00-<32 hex>-<16 hex>-<2 hex>, with ids that are not all zeros.
bool IsTraceParent(std::string_view text) {
  constexpr std::string_view kShape = "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
  if (text.size() != kShape.size() || text.substr(0, 2) == "ff") return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_hex = absl::ascii_isdigit(static_cast<unsigned char>(text[i])) ||
                        (text[i] >= 'a' && text[i] <= 'f');
    if (kShape[i] == '-' ? text[i] != '-' : !is_hex) return false;
  }
  const auto all_zero = [](std::string_view id) { return id.find_first_not_of('0') == id.npos; };
  return !all_zero(text.substr(3, 32)) && !all_zero(text.substr(36, 16));
}

}  // namespace

std::string_view ClientMetadata(const grpc::CallbackServerContext& context, const char* key) {
  const auto found = context.client_metadata().find(key);
  if (found == context.client_metadata().end()) return "";
  return {found->second.data(), found->second.size()};
}

std::string RequestId(const grpc::CallbackServerContext& context) {
  const std::string_view given = ClientMetadata(context, "x-request-id");
  const bool usable = !given.empty() && given.size() <= kMaxRequestIdBytes &&
                      std::all_of(given.begin(), given.end(),
                                  [](unsigned char c) { return absl::ascii_isgraph(c); });
  if (usable) return std::string(given);
  return absl::StrCat(absl::Hex(RandomBits(), absl::kZeroPad8),
                      absl::Hex(RandomBits(), absl::kZeroPad8));
}

std::string TraceParent(const grpc::CallbackServerContext& context) {
  const std::string_view given = ClientMetadata(context, "traceparent");
  return IsTraceParent(given) ? std::string(given) : "";
}

absl::Time Deadline(const grpc::CallbackServerContext& context) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return absl::InfiniteFuture();
  return absl::FromChrono(deadline);
}

uint64_t FreshSeed() { return RandomBits(); }

void AddTrailers(grpc::CallbackServerContext& context, const RequestRecord& record,
                 std::optional<absl::Duration> retry_delay) {
  context.AddTrailingMetadata("x-request-id", record.request_id);
  if (!record.traceparent.empty()) context.AddTrailingMetadata("traceparent", record.traceparent);
  if (retry_delay) {
    context.AddTrailingMetadata("grpc-retry-pushback-ms",
                                absl::StrCat(absl::ToInt64Milliseconds(*retry_delay)));
  }
}

}  // namespace magnet
