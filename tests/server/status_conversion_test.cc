#include "server/status_conversion.h"

#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace magnet {
namespace {

google::rpc::Status Details(const absl::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(ToGrpcStatus(status).error_details()));
  return details;
}

// Clients read details only if the inner code and message equal the outer ones.
TEST(StatusConversionTest, InnerStatusEqualsOuterStatus) {
  const absl::Status status =
      MakeError(absl::StatusCode::kNotFound, "MODEL_UNKNOWN", "no such model");
  EXPECT_EQ(ToGrpcStatus(status).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ToGrpcStatus(status).error_message(), "no such model");
  EXPECT_EQ(Details(status).code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Details(status).message(), "no such model");
}

TEST(StatusConversionTest, EveryErrorHasAReason) {
  for (int code = 1; code <= 16; ++code) {
    const google::rpc::Status details =
        Details(absl::Status(static_cast<absl::StatusCode>(code), "x"));
    ASSERT_EQ(details.details_size(), 1) << "code " << code;
    google::rpc::ErrorInfo info;
    ASSERT_TRUE(details.details(0).UnpackTo(&info)) << "code " << code;
    EXPECT_FALSE(info.reason().empty());
    EXPECT_EQ(info.domain(), "magnet.v1");
  }
}

TEST(StatusConversionTest, RetryDelaySurvives) {
  const absl::Status status = MakeRetryableError(absl::StatusCode::kUnavailable, "DRAINING", "bye",
                                                 absl::Milliseconds(1500));
  EXPECT_EQ(RetryDelay(status), absl::Milliseconds(1500));
  EXPECT_EQ(RetryDelay(absl::UnavailableError("")), std::nullopt);
  EXPECT_EQ(ErrorReason(status), "DRAINING");
}

TEST(StatusConversionTest, OkIsOk) { EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok()); }

// What a client sends comes back in errors: if this fails, a long enough name or enough wrong
// fields end the whole connection instead of one call.
TEST(StatusConversionTest, ErrorsFitIntoTrailersWhateverIsInThem) {
  constexpr size_t kTrailerBytes = 8 << 10;  // all that gRPC takes
  const std::string name(100'000, '\0');
  const std::vector<FieldViolation> violations(1000, {"sections[63].prompts[15].text", name});
  for (const absl::Status& status : {MakeError(absl::StatusCode::kNotFound, "MODEL_UNKNOWN", name),
                                     MakeBadRequest(violations), absl::InternalError(name)}) {
    const grpc::Status wire = ToGrpcStatus(status);
    // A message's byte may take three, and details are sent in base 64.
    const size_t size = 3 * wire.error_message().size() + (wire.error_details().size() * 4) / 3;
    EXPECT_LT(size, kTrailerBytes - 1024) << "1 KiB is for the other trailers";
  }
}

TEST(StatusConversionTest, ACutMessageDoesNotEndInsideACharacter) {
  std::string message = "a";
  while (message.size() < 400) message += "\xe2\x99\xab";
  const std::string cut = ToGrpcStatus(absl::InternalError(message)).error_message();
  EXPECT_LE(cut.size(), 300u);
  EXPECT_EQ(cut.substr(cut.size() - 6), "\xe2\x99\xab...");
}

}  // namespace
}  // namespace magnet
