// If these fail, streams that break the API's promises pass for good ones.
#include "client/clip_receiver.h"

#include <gtest/gtest.h>

namespace magnet::client {
namespace {

v1::GenerateResponse Started() {
  v1::GenerateResponse response;
  response.mutable_started()->set_format(v1::AUDIO_FORMAT_FLAC);
  return response;
}

v1::GenerateResponse Chunk(int64_t offset) {
  v1::GenerateResponse response;
  response.mutable_audio_chunk()->set_offset(offset);
  response.mutable_audio_chunk()->set_data("abc");
  return response;
}

TEST(ClipReceiver, WantsStartedFirstAndOnce) {
  EXPECT_TRUE(absl::IsDataLoss(ClipReceiver().Receive(Chunk(0))));
  ClipReceiver receiver;
  EXPECT_TRUE(receiver.Receive(Started()).ok());
  EXPECT_TRUE(absl::IsDataLoss(receiver.Receive(Started())));
}

TEST(ClipReceiver, WantsChunksWithoutGapsOrRepeats) {
  ClipReceiver receiver;
  ASSERT_TRUE(receiver.Receive(Started()).ok());
  EXPECT_TRUE(receiver.Receive(Chunk(0)).ok());
  EXPECT_TRUE(absl::IsDataLoss(receiver.Receive(Chunk(0))));
  EXPECT_TRUE(absl::IsDataLoss(receiver.Receive(Chunk(4))));
  EXPECT_TRUE(receiver.Receive(Chunk(3)).ok());
}

TEST(ClipReceiver, WantsNothingAfterFinished) {
  ClipReceiver receiver;
  v1::GenerateResponse finished;
  finished.mutable_finished();
  ASSERT_TRUE(receiver.Receive(Started()).ok());
  ASSERT_TRUE(receiver.Receive(finished).ok());
  EXPECT_TRUE(absl::IsDataLoss(receiver.Receive(Chunk(0))));
}

}  // namespace
}  // namespace magnet::client
