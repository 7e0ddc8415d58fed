// Damaged GenerateRequests through gRPC into the service, half of them damaged as
// bytes, which mostly the parser sees, half as messages, which the checks see: a
// server that anybody can reach is sent anything. A short run here; a long one, best with
// sanitizers, of a million requests and a hundred thousand HTTP/2 streams:
//   cmake --preset asan && cmake --build build/asan --target malformed_input_test
//   MAGNET_MUTATIONS=1000000 build/asan/tests/integration/malformed_input_test
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <map>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/server_program.h"
#include "tests/integration/server_harness.h"
#include "tests/server/encoded_audio.h"
#include "tests/testing/mutation.h"

namespace magnet::testing {
namespace {

constexpr int kCallsAtOnce = 16;
constexpr char kGenerate[] = "/magnet.v1.MusicService/Generate";

// Valid requests that together use every field, but for a tempo, which the fake bundle cannot keep.
std::vector<std::string> RequestCorpus() {
  const std::string wav = EncodedAudio(AudioFormat::kWavS16, 8000, std::vector<float>(400, 0.1f));
  const std::string flac = EncodedAudio(AudioFormat::kFlac, 16000, std::vector<float>(400, 0.1f));
  std::vector<v1::GenerateRequest> requests(5, ServerHarness::Request(7, 0.1));
  requests[0].set_model("fake");
  requests[0].set_negative_prompt("noise");
  requests[0].set_progress(false);
  requests[0].set_priority(v1::PRIORITY_HIGH);
  v1::GenerateRequest& timed = requests[1];
  timed.clear_prompt();
  for (const double start : {0.0, 0.05}) {
    v1::PromptSection& section = *timed.add_sections();
    section.set_start_seconds(start);
    for (const char* text : {"piano", "choir"}) {
      v1::WeightedPrompt& prompt = *section.add_prompts();
      prompt.set_text(text);
      prompt.set_weight(0.5);
    }
  }
  timed.set_overlap(0.5);
  v1::SamplingOptions& sampling = *requests[2].mutable_sampling();
  sampling.set_greedy(false);
  sampling.set_temperature(2);
  sampling.set_anneal_temperature(true);
  sampling.set_top_p(0.9);
  sampling.set_top_k(5);
  sampling.set_guidance_max(8);
  sampling.set_guidance_min(1);
  sampling.set_later_guidance(0.5);
  sampling.set_later_temperature(0.5);
  for (int steps : {2, 1, 1, 1}) sampling.add_decoding_steps(steps);
  sampling.set_span_arrangement(v1::SPAN_ARRANGEMENT_STRIDE1);
  sampling.set_schedule(v1::MASK_SCHEDULE_PAPER);
  sampling.set_span_score(v1::SPAN_SCORE_PROD);
  requests[3].mutable_given_audio()->set_data(wav);
  v1::TimeRange& range = *requests[3].mutable_given_audio()->add_regenerate();
  range.set_start_seconds(0.01);
  range.set_end_seconds(0.03);
  requests[3].mutable_output()->set_format(v1::AUDIO_FORMAT_OGG_OPUS);
  requests[4].mutable_given_audio()->set_data(flac);
  requests[4].mutable_output()->set_format(v1::AUDIO_FORMAT_FLAC);
  requests[4].mutable_output()->set_chunk_seconds(0.05);
  std::vector<std::string> corpus;
  for (const auto& request : requests) corpus.push_back(request.SerializeAsString());
  return corpus;
}

template <typename Value>
Value OneOf(const std::vector<Value>& values, Mutator& mutator) {
  return values[mutator.Below(values.size())];
}

// Sets a random field, somewhere below `message`, to a value that may be wrong.
void SetRandomField(google::protobuf::Message& message, Mutator& mutator) {
  using google::protobuf::FieldDescriptor;
  static const std::vector<double> kNumbers = {
      0, -0.0, 0.02, 0.1, 0.5, 1, 2, 100, 600, 1e300, 1e-300, -1, INFINITY, -INFINITY, NAN};
  static const std::vector<int32_t> kIntegers = {0,  1,    2,  5,         16,
                                                 17, 1000, -1, INT32_MAX, INT32_MIN};
  static const std::vector<std::string> kTexts = {"",
                                                  "fake",
                                                  "drums",
                                                  "d\u00fcster \u266b",
                                                  std::string(1, '\0'),
                                                  std::string(4096, 'a'),
                                                  std::string(4097, 'a')};
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  const FieldDescriptor* field =
      type.field(static_cast<int>(mutator.Below(static_cast<size_t>(type.field_count()))));
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return SetRandomField(field->is_repeated() ? *reflection.AddMessage(&message, field)
                                                 : *reflection.MutableMessage(&message, field),
                            mutator);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection.SetDouble(&message, field, OneOf(kNumbers, mutator));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.SetBool(&message, field, mutator.Below(2) == 1);
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection.SetUInt64(&message, field, mutator.Below(UINT32_MAX));
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection.SetEnumValue(&message, field, static_cast<int>(mutator.Below(9)) - 1);
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.SetString(&message, field, OneOf(kTexts, mutator));
    case FieldDescriptor::CPPTYPE_INT32:
      if (field->is_repeated()) {
        return reflection.AddInt32(&message, field, OneOf(kIntegers, mutator));
      }
      return reflection.SetInt32(&message, field, OneOf(kIntegers, mutator));
    default:
      ADD_FAILURE() << "no values for " << field->full_name();
  }
}

std::string MutateMessage(const std::string& bytes, Mutator& mutator) {
  v1::GenerateRequest request;
  EXPECT_TRUE(request.ParseFromString(bytes));
  for (size_t left = 1 + mutator.Below(3); left > 0; --left) SetRandomField(request, mutator);
  return request.SerializeAsString();
}

// Keeps calls under way until all requests have been sent, and counts how they end.
struct Outcome {
  int calls = 0;
  std::string example;  // of a message
};

using Outcomes = std::map<grpc::StatusCode, Outcome>;

class Campaign {
 public:
  using Stub = grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer>;

  Campaign(const std::shared_ptr<grpc::Channel>& channel, std::vector<std::string> corpus,
           int count)
      : stub_(channel), corpus_(std::move(corpus)), left_(count) {}

  // Waits for the last call.
  Outcomes Run() {
    for (int i = 0; i < kCallsAtOnce; ++i) Next();
    absl::MutexLock lock(&mutex_);
    const auto done = [this] {
      mutex_.AssertReaderHeld();
      return running_ == 0;
    };
    mutex_.Await(absl::Condition(&done));
    return outcomes_;
  }

 private:
  class Call : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
   public:
    Call(Campaign& campaign, const std::string& bytes) : campaign_(campaign) {
      const grpc::Slice slice(bytes);
      request_ = grpc::ByteBuffer(&slice, 1);
    }
    void Begin() {
      campaign_.stub_.PrepareBidiStreamingCall(&context_, kGenerate, grpc::StubOptions(), this);
      StartWriteLast(&request_, grpc::WriteOptions());
      StartRead(&response_);
      StartCall();
    }
    void OnReadDone(bool ok) override {
      if (ok) StartRead(&response_);
    }
    void OnDone(const grpc::Status& status) override {
      campaign_.Ended(status);
      delete this;
    }

   private:
    Campaign& campaign_;
    grpc::ClientContext context_;
    grpc::ByteBuffer request_, response_;
  };

  void Next() {
    std::string bytes;
    {
      absl::MutexLock lock(&mutex_);
      if (left_ == 0) return;
      --left_;
      ++running_;
      bytes = left_ % 2 == 0 ? mutator_.Mutate(corpus_)
                             : MutateMessage(OneOf(corpus_, mutator_), mutator_);
    }
    (new Call(*this, bytes))->Begin();
  }

  // The next call is begun before this one counts as ended: nobody sees none under way too early.
  void Ended(const grpc::Status& status) {
    Next();
    absl::MutexLock lock(&mutex_);
    Outcome& outcome = outcomes_[status.error_code()];
    if (++outcome.calls == 1) outcome.example = status.error_message();
    --running_;
  }

  Stub stub_;
  const std::vector<std::string> corpus_;
  absl::Mutex mutex_;
  Mutator mutator_ ABSL_GUARDED_BY(mutex_){/*seed=*/1};
  int left_ ABSL_GUARDED_BY(mutex_);
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
  Outcomes outcomes_ ABSL_GUARDED_BY(mutex_);
};

TEST(MalformedRequestTest, EachIsAnsweredAndNoPlaceStaysTaken) {
  SilenceLibraries();
  const int count = NumMutations(/*fallback=*/5000);
  ServerHarness server([](ServerConfig& config) {
    config.max_duration_seconds = 1;
    config.max_total_steps = 20;
  });
  const std::vector<std::string> corpus = RequestCorpus();
  for (const std::string& bytes : corpus) {
    v1::GenerateRequest request;
    ASSERT_TRUE(request.ParseFromString(bytes));
    const CallResult result = server.Generate(request);
    ASSERT_TRUE(result.status.ok()) << result.status.error_message() << request.DebugString();
  }
  const auto channel = server.Channel();
  int answered = 0;
  Outcomes outcomes;
  // In parts, between which the test's own records are freed.
  while (answered < count) {
    const int part = std::min(count - answered, 10'000);
    for (const auto& [code, outcome] : Campaign(channel, corpus, part).Run()) {
      outcomes[code].calls += outcome.calls;
      outcomes[code].example = outcome.example;
      answered += outcome.calls;
    }
    EXPECT_EQ(server.control().created(), server.control().destroyed());
    server.control().ResetCounts();
    server.log().Forget();
  }
  EXPECT_EQ(answered, count);
  for (const auto& [code, outcome] : outcomes) {
    std::cout << outcome.calls << " ended with status " << code << ": " << outcome.example
              << std::endl;
  }
  // The campaign must reach all of it: the parser, the checks and the model.
  EXPECT_GT(outcomes[grpc::StatusCode::OK].calls, count / 10);
  EXPECT_GT(outcomes[grpc::StatusCode::INVALID_ARGUMENT].calls, count / 10);
  EXPECT_GT(outcomes[grpc::StatusCode::UNIMPLEMENTED].calls, count / 10)
      << "gRPC's answer to bytes that are no message";
  EXPECT_EQ(outcomes[grpc::StatusCode::UNKNOWN].calls, 0) << "something threw an exception";
  EXPECT_EQ(outcomes[grpc::StatusCode::INTERNAL].calls, 0) << "the engine or an encoder failed";
  EXPECT_TRUE(server.AwaitMetric("magnet_requests_running", 0));
  EXPECT_TRUE(server.AwaitMetric("magnet_requests_waiting", 0));
  EXPECT_TRUE(server.Generate(ServerHarness::Request(1, 1)).status.ok());
}

}  // namespace
}  // namespace magnet::testing
