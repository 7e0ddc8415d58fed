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

}  // namespace
}  // namespace magnet
