// The service as a client sees it, over a real connection.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>

#include "absl/time/clock.h"
#include "model/audio/audio_file.h"
#include "tests/integration/server_harness.h"
#include "tests/server/encoded_audio.h"
#include "tests/testing/fake_samples.h"

namespace magnet::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr int kStepsPerWindow = 5;

class GenerateFormatTest : public ::testing::TestWithParam<v1::AudioFormat> {};

// Each format, end to end: if this fails, what clients get is not what was made.
TEST_P(GenerateFormatTest, StreamsAFileAndItsAccount) {
  ServerHarness server;
  v1::GenerateRequest request = ServerHarness::Request(/*seed=*/5, /*seconds=*/3);
  request.mutable_output()->set_format(GetParam());
  const CallResult result = server.Generate(request);
  ASSERT_TRUE(result.status.ok()) << result.status.error_message();
  EXPECT_EQ(result.num_started, 1);
  EXPECT_EQ(result.num_finished, 1);
  EXPECT_EQ(result.started.seed(), 5u);
  EXPECT_EQ(result.started.model(), "fake");
  EXPECT_EQ(result.started.total_steps(), 2 * kStepsPerWindow);
  const v1::Finished& finished = result.finished;
  EXPECT_EQ(finished.samples(), result.started.total_samples());
  EXPECT_EQ(finished.samples(), 3 * result.started.sample_rate_hz());
  EXPECT_EQ(finished.audio_seconds(), 3);
  EXPECT_EQ(finished.size_bytes(), static_cast<int64_t>(result.audio.size()));
  EXPECT_EQ(finished.passes(), 2 * 2 * kStepsPerWindow);
  EXPECT_EQ(finished.model_version(), "1.2.3");
  EXPECT_GT(finished.first_audio_seconds(), 0);
  ASSERT_EQ(finished.tempos_size(), 1);
  EXPECT_EQ(finished.tempos(0).start_seconds(), testing::kFakeTempo.start_seconds);
  EXPECT_EQ(finished.tempos(0).bpm(), testing::kFakeTempo.bpm);
  EXPECT_EQ(finished.tempos(0).beats_per_bar(), testing::kFakeTempo.beats_per_bar);
  std::string sha256(32, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(result.audio.data()), result.audio.size(),
         reinterpret_cast<unsigned char*>(sha256.data()));
  EXPECT_EQ(finished.sha256(), sha256);
  if (GetParam() == v1::AUDIO_FORMAT_PCM_S16 || GetParam() == v1::AUDIO_FORMAT_PCM_F32) return;
  const auto audio = ReadAudioBytes(result.audio, "the answer");
  ASSERT_TRUE(audio.ok()) << audio.status();
  EXPECT_EQ(static_cast<int64_t>(audio->samples.size()), finished.samples());
  EXPECT_EQ(audio->sample_rate_hz, result.started.sample_rate_hz());
}

INSTANTIATE_TEST_SUITE_P(All, GenerateFormatTest,
                         ::testing::Values(v1::AUDIO_FORMAT_UNSPECIFIED, v1::AUDIO_FORMAT_PCM_S16,
                                           v1::AUDIO_FORMAT_PCM_F32, v1::AUDIO_FORMAT_WAV_S16,
                                           v1::AUDIO_FORMAT_WAV_F32, v1::AUDIO_FORMAT_FLAC,
                                           v1::AUDIO_FORMAT_OGG_OPUS));

TEST(GenerateTest, SamplesAreTheModels) {
  ServerHarness server;
  v1::GenerateRequest request = ServerHarness::Request(5, 3);
  request.mutable_output()->set_format(v1::AUDIO_FORMAT_PCM_F32);
  const CallResult result = server.Generate(request);
  ASSERT_EQ(result.audio.size(), 3u * 16000 * 4);
  std::vector<float> samples(size_t{3} * 16000);
  std::memcpy(samples.data(), result.audio.data(), result.audio.size());
  ExpectFakeSamples(samples, 5);
}

TEST(GenerateTest, ProgressCanBeSwitchedOffAndSeedIsReported) {
  ServerHarness server;
  v1::GenerateRequest request = ServerHarness::Request(1, 1);
  request.clear_seed();
  request.set_progress(false);
  const CallResult result = server.Generate(request);
  EXPECT_TRUE(result.status.ok());
  EXPECT_EQ(result.num_progress, 0);
  EXPECT_EQ(result.started.seed(), result.finished.seed());
}

TEST(GenerateTest, RequestIdAndTraceComeBackInTheTrailers) {
  ServerHarness server;
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  OpenCall call(server, ServerHarness::Request(1, 1), [&](grpc::ClientContext& context) {
    context.AddMetadata("x-request-id", "mine-1");
    context.AddMetadata("traceparent", trace);
  });
  const CallResult result = call.Finish();
  EXPECT_THAT(result.trailers, Contains(Pair("x-request-id", "mine-1")));
  EXPECT_THAT(result.trailers, Contains(Pair("traceparent", trace)));
  EXPECT_EQ(result.started.request_id(), "mine-1");
  ASSERT_EQ(server.log().requests().size(), 1u);
  EXPECT_THAT(server.log().requests()[0], HasSubstr("mine-1"));
  EXPECT_THAT(server.log().requests()[0], ::testing::Not(HasSubstr("a test")));
}

TEST(GenerateTest, BadFieldsAndUnknownModelsAreRefusedWithDetails) {
  ServerHarness server;
  v1::GenerateRequest request = ServerHarness::Request(1, -1);
  CallResult result = server.Generate(request);
  EXPECT_EQ(result.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(result.reason, "INVALID_REQUEST");
  EXPECT_THAT(result.status.error_message(), HasSubstr("duration_seconds"));
  request = ServerHarness::Request(1, 1);
  request.set_model("other");
  result = server.Generate(request);
  EXPECT_EQ(result.status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(result.reason, "MODEL_UNKNOWN");
  EXPECT_EQ(server.control().created(), 0);
}

// Sound files are read on a thread of their own: what they bring must still be checked before the
// first header, and counted like everything else.
TEST(GenerateTest, GivenAudioIsReadAndWhatIsNoneIsRefusedBeforeTheFirstHeader) {
  ServerHarness server;
  v1::GenerateRequest request = ServerHarness::Request(1, 2);
  request.mutable_given_audio()->set_data(
      EncodedAudio(AudioFormat::kFlac, 16000, std::vector<float>(16000, 0.1f)));
  EXPECT_TRUE(server.Generate(request).status.ok());
  request.mutable_given_audio()->set_data("not a sound file");
  OpenCall refused(server, request);
  const CallResult result = refused.Finish();
  EXPECT_EQ(result.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(result.status.error_message(), HasSubstr("given_audio.data"));
  EXPECT_TRUE(refused.context().GetServerInitialMetadata().empty());
  EXPECT_EQ(server.Metric("magnet_rejected_total{reason=\"INVALID_REQUEST\"}"), 1);
  EXPECT_EQ(server.control().created(), 1);
}

TEST(GenerateTest, FailingPassIsInternalAndTheNextRequestIsServed) {
  ServerHarness server;
  server.control().ThrowOnStepCall(2);
  CallResult result = server.Generate(ServerHarness::Request(1, 1));
  EXPECT_EQ(result.status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(result.reason, "GENERATION_FAILED");
  EXPECT_EQ(result.num_finished, 0);
  EXPECT_TRUE(server.Generate(ServerHarness::Request(2, 1)).status.ok());
}

TEST(GenerateTest, ModelsAreDescribed) {
  ServerHarness server;
  grpc::ClientContext list_context, get_context, wrong_context;
  v1::ListModelsResponse list;
  ASSERT_TRUE(server.Stub()->ListModels(&list_context, {}, &list).ok());
  ASSERT_EQ(list.models_size(), 1);
  EXPECT_EQ(list.models(0).name(), "fake");
  v1::GetModelRequest request;
  v1::GetModelResponse response;
  ASSERT_TRUE(server.Stub()->GetModel(&get_context, request, &response).ok());
  EXPECT_EQ(response.model().sample_rate_hz(), 16000);
  request.set_name("other");
  const grpc::Status status = server.Stub()->GetModel(&wrong_context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(status), "MODEL_UNKNOWN");
}

// The three places where a client can vanish: each is free within one step.
TEST(CancelTest, QueuedCallLeavesWhileTheModelIsStillInItsStep) {
  ServerHarness server;
  server.control().CloseGate();
  OpenCall running(server, ServerHarness::Request(1, 1));
  ASSERT_TRUE(server.control().AwaitStepCalls(1));
  OpenCall queued(server, ServerHarness::Request(2, 1));
  ASSERT_TRUE(server.AwaitMetric("magnet_requests_waiting", 1));
  queued.Cancel();
  ASSERT_TRUE(server.AwaitMetric("magnet_requests_waiting", 0)) << "its place is still taken";
  ASSERT_TRUE(server.log().AwaitRequests(1));
  EXPECT_EQ(server.Metric("magnet_cancelled_total{phase=\"queued\"}"), 1);
  EXPECT_EQ(server.control().step_calls(), 1) << "the model is still in its first step";
  server.control().OpenGate();
  EXPECT_TRUE(running.Finish().status.ok());
  EXPECT_EQ(server.control().created(), 1) << "a request in the queue must cost the model nothing";
}

TEST(CancelTest, RunningCallEndsAtTheNextStep) {
  ServerHarness server;
  server.control().CloseGate();
  OpenCall call(server, ServerHarness::Request(1, 1));
  ASSERT_TRUE(call.Next().has_started());
  ASSERT_TRUE(server.control().AwaitStepCalls(1));
  call.Cancel();
  EXPECT_EQ(call.Finish().status.error_code(), grpc::StatusCode::CANCELLED);
  // The model is held inside step 1 until the server knows.
  ASSERT_TRUE(server.AwaitMetric("magnet_cancelled_total{phase=\"running\"}", 1));
  server.control().Permit(1);
  ASSERT_TRUE(server.log().AwaitRequests(1));
  EXPECT_EQ(server.control().step_calls(), 1);
  EXPECT_EQ(server.control().destroyed(), 1);
}

TEST(CancelTest, StreamingCallEndsAtTheNextStep) {
  ServerHarness server;
  server.control().CloseGate();
  server.control().Permit(kStepsPerWindow);
  OpenCall call(server, ServerHarness::Request(1, 6));
  while (!call.Next().has_audio_chunk()) {
  }
  ASSERT_TRUE(server.control().AwaitStepCalls(kStepsPerWindow + 1));
  call.Cancel();
  call.Finish();
  ASSERT_TRUE(server.AwaitMetric("magnet_cancelled_total{phase=\"streaming\"}", 1));
  server.control().Permit(1);
  ASSERT_TRUE(server.log().AwaitRequests(1));
  EXPECT_EQ(server.control().step_calls(), kStepsPerWindow + 1);
  EXPECT_EQ(server.control().destroyed(), 1);
}

TEST(DeadlineTest, QueuedCallExpiresWhileTheModelIsBusy) {
  ServerHarness server;
  server.control().CloseGate();
  OpenCall running(server, ServerHarness::Request(1, 1));
  ASSERT_TRUE(server.control().AwaitStepCalls(1));
  OpenCall queued(server, ServerHarness::Request(2, 1), [](grpc::ClientContext& context) {
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Milliseconds(200)));
  });
  EXPECT_EQ(queued.Finish().status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  ASSERT_TRUE(server.log().AwaitRequests(1));
  EXPECT_EQ(server.Metric("magnet_requests_waiting"), 0);
  EXPECT_EQ(server.Metric("magnet_cancelled_total{phase=\"queued\"}"), 1);
  EXPECT_EQ(server.Metric("magnet_requests_total{code=\"DEADLINE_EXCEEDED\",model=\"fake\"}"), 1);
  EXPECT_EQ(server.control().step_calls(), 1) << "the model never left its first step";
  server.control().OpenGate();
  EXPECT_TRUE(running.Finish().status.ok());
}

// Clients may retry only what had no header: the first thing they see must be the
// status.
TEST(RejectionTest, FullQueueIsRefusedBeforeTheFirstHeaderAndCounted) {
  ServerHarness server([](ServerConfig& config) { config.max_waiting = 2; });
  server.control().CloseGate();
  OpenCall running(server, ServerHarness::Request(1, 1));
  ASSERT_TRUE(server.control().AwaitStepCalls(1));
  std::vector<std::unique_ptr<OpenCall>> queued;
  int refused = 0;
  // One connection each, so they may arrive in any order: of 7, 2 find a place.
  for (uint64_t seed = 2; seed <= 8; ++seed) {
    queued.push_back(std::make_unique<OpenCall>(server, ServerHarness::Request(seed, 1)));
  }
  ASSERT_TRUE(server.log().AwaitRequests(5));
  server.control().OpenGate();
  for (auto& call : queued) {
    const CallResult result = call->Finish();
    if (result.status.ok()) continue;
    ++refused;
    EXPECT_EQ(result.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_EQ(result.reason, "QUEUE_FULL");
    EXPECT_TRUE(result.has_retry_info);
    EXPECT_EQ(result.trailers.count("grpc-retry-pushback-ms"), 1u);
    EXPECT_TRUE(call->context().GetServerInitialMetadata().empty());
  }
  EXPECT_EQ(refused, 5);
  EXPECT_EQ(server.Metric("magnet_rejected_total{reason=\"QUEUE_FULL\"}"), refused);
  EXPECT_TRUE(running.Finish().status.ok());
}

// A client that never reads holds no place and not more bytes than allowed.
TEST(BackPressureTest, ReaderThatNeverReadsPausesIsDroppedAndLeavesNothing) {
  ServerHarness server([](ServerConfig& config) {
    config.stall_seconds = 0.3;
    config.max_unsent_bytes = 64 << 10;
  });
  v1::GenerateRequest request = ServerHarness::Request(1, 300);
  request.mutable_output()->set_format(v1::AUDIO_FORMAT_PCM_F32);  // 19 MB
  OpenCall silent(server, request);
  ASSERT_TRUE(server.control().AwaitDecodeCalls(1));
  EXPECT_TRUE(server.Generate(ServerHarness::Request(2, 1)).status.ok())
      << "a slow reader must hold only its own stream";
  ASSERT_TRUE(server.control().AwaitDestroyed(2)) << "the client that never reads holds its slot";
  ASSERT_TRUE(server.log().AwaitRequests(2));
  EXPECT_THAT(server.log().requests()[1], HasSubstr("CLIENT_STALLED"));
  EXPECT_LT(server.control().decode_calls(), 300) << "all audio was made though nobody read";
  EXPECT_EQ(server.Metric("magnet_requests_running"), 0);
  EXPECT_EQ(server.Metric("magnet_stream_backlog_bytes"), 0);
}

TEST(BackPressureTest, SlowReaderGetsEverything) {
  ServerHarness server([](ServerConfig& config) { config.max_unsent_bytes = 1; });
  v1::GenerateRequest request = ServerHarness::Request(1, 60);
  request.mutable_output()->set_format(v1::AUDIO_FORMAT_PCM_S16);
  const CallResult result = server.Generate(request);
  EXPECT_TRUE(result.status.ok());
  EXPECT_EQ(result.audio.size(), 60u * 16000 * 2);
}

}  // namespace
}  // namespace magnet::testing
