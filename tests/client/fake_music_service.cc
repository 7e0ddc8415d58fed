#include "tests/client/fake_music_service.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <openssl/sha.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace magnet::client {
namespace {

constexpr int kSamples = 300;
constexpr int kChunkSamples = 100;
constexpr int kBytesPerSample = 2;
constexpr int kHeaderBytes = 44;

// Not the client's own SHA-256, so that a mistake there shows.
std::string Digest(const std::string& data) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(data.data()), data.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

v1::GenerateResponse StartedMessage(uint64_t seed) {
  v1::GenerateResponse response;
  v1::Started* started = response.mutable_started();
  started->set_request_id("request-1");
  started->set_model("tiny");
  started->set_seed(seed);
  started->set_format(v1::AUDIO_FORMAT_WAV_S16);
  started->set_media_type("audio/wav");
  started->set_sample_rate_hz(100);
  started->set_channels(1);
  started->set_total_samples(kSamples);
  started->set_total_steps(2);
  return response;
}

v1::GenerateResponse ProgressMessage(int step) {
  v1::GenerateResponse response;
  v1::Progress* progress = response.mutable_progress();
  progress->set_num_windows(1);
  progress->set_num_stages(1);
  progress->set_step(step);
  progress->set_num_steps(2);
  progress->set_steps_done(step);
  progress->set_total_steps(2);
  progress->set_remaining_seconds(2 - step);
  return response;
}

v1::GenerateResponse ChunkMessage(const std::string& clip, int index) {
  const int begin = index == 0 ? 0 : kHeaderBytes + index * kChunkSamples * kBytesPerSample;
  const int end = kHeaderBytes + (index + 1) * kChunkSamples * kBytesPerSample;
  v1::GenerateResponse response;
  v1::AudioChunk* chunk = response.mutable_audio_chunk();
  chunk->set_data(clip.substr(begin, end - begin));
  chunk->set_offset(begin);
  chunk->set_end_sample(int64_t{index + 1} * kChunkSamples);
  return response;
}

v1::GenerateResponse FinishedMessage(const std::string& clip, uint64_t seed) {
  v1::GenerateResponse response;
  v1::Finished* finished = response.mutable_finished();
  finished->set_samples(kSamples);
  finished->set_audio_seconds(3);
  finished->set_size_bytes(static_cast<int64_t>(clip.size()));
  finished->set_sha256(Digest(clip));
  finished->set_seed(seed);
  finished->set_model("tiny");
  finished->set_compute_seconds(1.5);
  finished->set_passes(4);
  for (const double bpm : {96.0, 0.0, 96.2, 120.4}) {
    v1::Tempo* tempo = finished->add_tempos();
    tempo->set_start_seconds(finished->tempos_size() - 1);
    tempo->set_bpm(bpm);
    tempo->set_beats_per_bar(bpm > 0 ? 3 : 0);
  }
  return response;
}

uint64_t SeedOf(const v1::GenerateRequest& request) {
  return request.has_seed() ? request.seed() : kChosenSeed;
}

}  // namespace

std::string ClipBytes(uint64_t seed) {
  std::string clip = "RIFF" + std::string(kHeaderBytes - 4, 'h');
  for (int i = 0; i < kSamples * kBytesPerSample; ++i) {
    clip += static_cast<char>(seed * 31 + i);
  }
  return clip;
}

GenerateBehavior SendClip(std::function<void(v1::GenerateResponse*)> edit) {
  return [edit = std::move(edit)](grpc::ServerContext*, const v1::GenerateRequest& request,
                                  GenerateWriter* writer) {
    const uint64_t seed = SeedOf(request);
    const std::string clip = ClipBytes(seed);
    for (v1::GenerateResponse response :
         {StartedMessage(seed), ProgressMessage(1), ProgressMessage(2), ChunkMessage(clip, 0),
          ChunkMessage(clip, 1), ChunkMessage(clip, 2), FinishedMessage(clip, seed)}) {
      if (edit) edit(&response);
      if (response.event_case() != v1::GenerateResponse::EVENT_NOT_SET) writer->Write(response);
    }
    return grpc::Status::OK;
  };
}

GenerateBehavior FailWith(grpc::Status status, int pushback_ms) {
  return [status = std::move(status), pushback_ms](grpc::ServerContext* context,
                                                   const v1::GenerateRequest&, GenerateWriter*) {
    if (pushback_ms != 0) {
      context->AddTrailingMetadata("grpc-retry-pushback-ms", absl::StrCat(pushback_ms));
    }
    return status;
  };
}

GenerateBehavior SendUntilCancelled(std::function<void()> then) {
  return [then = std::move(then)](grpc::ServerContext*, const v1::GenerateRequest& request,
                                  GenerateWriter* writer) {
    const uint64_t seed = SeedOf(request);
    writer->Write(StartedMessage(seed));
    writer->Write(ChunkMessage(ClipBytes(seed), 0));
    then();
    while (writer->Write(ProgressMessage(1))) {
    }
    return grpc::Status(grpc::StatusCode::CANCELLED, "cancelled");
  };
}

grpc::Status DetailedStatus(grpc::StatusCode code, const std::string& message,
                            const std::string& reason, const std::string& field,
                            const std::string& description) {
  google::rpc::Status details;
  details.set_code(code);
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("magnet.v1");
  details.add_details()->PackFrom(info);
  if (!field.empty()) {
    google::rpc::BadRequest bad_request;
    auto* violation = bad_request.add_field_violations();
    violation->set_field(field);
    violation->set_description(description);
    details.add_details()->PackFrom(bad_request);
  }
  return grpc::Status(code, message, details.SerializeAsString());
}

FakeMusicService::FakeMusicService() {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(this);
  builder.RegisterService(&health_);
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

FakeMusicService::~FakeMusicService() {
  server_->Shutdown();
  server_->Wait();
}

void FakeMusicService::Enqueue(GenerateBehavior behavior) {
  absl::MutexLock lock(&mutex_);
  behaviors_.push_back(std::move(behavior));
}

std::vector<v1::GenerateRequest> FakeMusicService::requests() const {
  absl::MutexLock lock(&mutex_);
  return requests_;
}

std::string FakeMusicService::authorization() const {
  absl::MutexLock lock(&mutex_);
  return authorization_;
}

int FakeMusicService::cancelled() const {
  absl::MutexLock lock(&mutex_);
  return cancelled_;
}

grpc::Status FakeMusicService::Generate(grpc::ServerContext* context,
                                        const v1::GenerateRequest* request,
                                        GenerateWriter* writer) {
  GenerateBehavior behavior = SendClip();
  {
    absl::MutexLock lock(&mutex_);
    requests_.push_back(*request);
    const auto key = context->client_metadata().find("authorization");
    authorization_ = key == context->client_metadata().end()
                         ? ""
                         : std::string(key->second.data(), key->second.size());
    if (!behaviors_.empty()) {
      behavior = std::move(behaviors_.front());
      behaviors_.pop_front();
    }
  }
  const grpc::Status status = behavior(context, *request, writer);
  absl::MutexLock lock(&mutex_);
  cancelled_ += status.error_code() == grpc::StatusCode::CANCELLED;
  return status;
}

grpc::Status FakeMusicService::GetModel(grpc::ServerContext*, const v1::GetModelRequest* request,
                                        v1::GetModelResponse* response) {
  if (request->name() != "tiny") {
    return DetailedStatus(grpc::StatusCode::NOT_FOUND, "no such model", "MODEL_UNKNOWN");
  }
  response->mutable_model()->set_name("tiny");
  response->mutable_model()->set_device("CPU");
  response->mutable_model()->set_precision("int8");
  return grpc::Status::OK;
}

grpc::Status FakeMusicService::ListModels(grpc::ServerContext*, const v1::ListModelsRequest*,
                                          v1::ListModelsResponse* response) {
  for (const char* name : {"tiny", "large"}) {
    v1::Model* model = response->add_models();
    model->set_name(name);
    model->set_sample_rate_hz(32'000);
    model->mutable_default_sampling()->add_decoding_steps(20);
  }
  return grpc::Status::OK;
}

grpc::Status FakeMusicService::FakeHealth::Check(
    grpc::ServerContext*, const grpc::health::v1::HealthCheckRequest* request,
    grpc::health::v1::HealthCheckResponse* response) {
  using Response = grpc::health::v1::HealthCheckResponse;
  if (request->service() == "nobody") return {grpc::StatusCode::NOT_FOUND, "no such service"};
  response->set_status(serving ? Response::SERVING : Response::NOT_SERVING);
  return grpc::Status::OK;
}

}  // namespace magnet::client
