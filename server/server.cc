#include "server/server.h"

#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/server_builder.h>
#include <prometheus/exposer.h>

#include <algorithm>
#include <exception>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/credentials.h"
#include "server/status_conversion.h"

namespace magnet {
namespace {

// Beside given audio a request holds its texts: at most so much.
constexpr int64_t kMessageMarginBytes = 1 << 20;
// What the transport may hold of a stream beyond max_unsent_bytes.
constexpr int kTransportBufferBytes = 64 << 10;
// For connections to say goodbye once all calls are over. A client that does not
// look at its idle connection never answers.
constexpr absl::Duration kGoodbyeLimit = absl::Seconds(1);

SchedulerOptions OptionsOfScheduler(const ServerConfig& config) {
  return {.admission = {.max_running = config.max_running, .max_waiting = config.max_waiting},
          .max_batch_rows = config.max_batch_rows};
}

RequestLimits LimitsOfRequests(const ServerConfig& config) {
  RequestLimits limits;
  limits.generation = GenerationLimitsOf(config);
  limits.max_given_audio_bytes = config.max_given_audio_bytes;
  return limits;
}

int Milliseconds(double seconds) { return static_cast<int>(seconds * 1000); }

void SetChannelArguments(const ServerConfig& config, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(
      static_cast<int>(config.max_given_audio_bytes + kMessageMarginBytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, config.max_streams_per_connection);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(config.keepalive_seconds));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             Milliseconds(config.keepalive_timeout_seconds));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // Pings of the server also for calls that wait in the queue and send nothing.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_WRITE_BUFFER_SIZE, kTransportBufferBytes);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 1);
  grpc::ResourceQuota quota("magnet-server");
  quota.Resize(static_cast<size_t>(config.max_connection_memory_bytes));
  builder.SetResourceQuota(quota);
}

}  // namespace

GenerationLimits GenerationLimitsOf(const ServerConfig& config) {
  GenerationLimits limits;
  limits.max_duration_seconds = config.max_duration_seconds;
  limits.max_prompt_bytes = config.max_prompt_bytes;
  limits.max_total_steps = config.max_total_steps;
  return limits;
}

Server::Server(const ServerConfig& config, std::ostream& log, const Clock& clock)
    : config_(config),
      clock_(clock),
      log_(log, config.log_prompts),
      keys_(config.api_keys),
      scheduler_(OptionsOfScheduler(config), clock, metrics_),
      worker_(config.max_waiting),
      music_({.models = models_,
              .scheduler = scheduler_,
              .worker = worker_,
              .open_calls = open_calls_,
              .metrics = metrics_,
              .keys = keys_,
              .log = log_,
              .clock = clock,
              .limits = LimitsOfRequests(config),
              .max_unsent_bytes = config.max_unsent_bytes,
              .stall_limit = absl::Seconds(config.stall_seconds)}) {}

Server::~Server() { Shutdown(); }

absl::StatusOr<std::unique_ptr<Server>> Server::Listen(const ServerConfig& config,
                                                       std::ostream& log, const Clock& clock) {
  std::unique_ptr<Server> server(new Server(config, log, clock));
  if (absl::Status status = server->keys_.Reload(); !status.ok()) return status;
  if (absl::Status status = server->ListenForCalls(); !status.ok()) return status;
  if (absl::Status status = server->ListenForScrapes(); !status.ok()) return status;
  return server;
}

absl::Status Server::ListenForCalls() {
  auto credentials =
      MakeServerCredentials({config_.tls_certificate, config_.tls_key, config_.tls_client_ca});
  if (!credentials.ok()) return credentials.status();
  auto listener =
      Listener::Open(config_.listen,
                     {.max_connections = config_.max_connections,
                      .unacknowledged = absl::Seconds(config_.keepalive_timeout_seconds)},
                     metrics_);
  if (!listener.ok()) return listener.status();
  listener_ = *std::move(listener);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::channelz::experimental::InitChannelzService();
  grpc::ServerBuilder builder;
  auto acceptor = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, *credentials);
  builder.RegisterService(&music_);
  builder.RegisterService(&health_);
  SetChannelArguments(config_, builder);
  grpc_server_ = builder.BuildAndStart();
  if (grpc_server_ == nullptr) return absl::InternalError("gRPC's server does not start");
  listener_->Start(std::move(acceptor));
  log_.Event(clock_.Now(), absl::StrCat("listening on ", address()));
  return absl::OkStatus();
}

absl::Status Server::ListenForScrapes() {
  if (config_.metrics_listen.empty()) return absl::OkStatus();
  try {
    exposer_ = std::make_unique<prometheus::Exposer>(config_.metrics_listen, /*num_threads=*/1);
  } catch (const std::exception& error) {
    return absl::UnavailableError(absl::StrCat("metrics-listen: cannot listen on ",
                                               config_.metrics_listen, ": ", error.what()));
  }
  exposer_->RegisterCollectable(metrics_.registry());
  return absl::OkStatus();
}

int Server::metrics_port() const {
  return exposer_ == nullptr ? 0 : exposer_->GetListeningPorts().front();
}

absl::Status Server::AddModel(std::unique_ptr<Generator> model) {
  const std::string name = model->config().name;
  const absl::Time before = clock_.Now();
  if (absl::Status status = WarmUp(*model); !status.ok()) {
    return absl::Status(status.code(), absl::StrCat("warm-up of ", name, ": ", status.message()));
  }
  const Arithmetic arithmetic = model->arithmetic();
  metrics_.SetDeviceMemory(name, model->memory_bytes());
  metrics_.SetModelInfo(name, arithmetic.device, arithmetic.precision);
  if (absl::Status status = models_.Add(std::move(model)); !status.ok()) return status;
  log_.Event(clock_.Now(),
             absl::StrCat("model ", name, " (", arithmetic.device, ", ", arithmetic.precision,
                          ") is warm after ", absl::FormatDuration(clock_.Now() - before)));
  return absl::OkStatus();
}

void Server::Serve() {
  scheduler_.SetReadiness(Readiness::kServing);
  health_.SetServing(true);
  log_.Event(clock_.Now(), "serving");
}

void Server::Drain() {
  log_.Event(clock_.Now(), "draining");
  if (config_.drain_delay_seconds > 0) {
    health_.SetServing(false);
    absl::SleepFor(absl::Seconds(config_.drain_delay_seconds));
  }
  // Refusing first: who sees the new state of health finds it true.
  scheduler_.SetReadiness(Readiness::kDraining);
  health_.SetServing(false);
  if (!scheduler_.WaitUntilIdle(absl::Seconds(config_.drain_seconds))) {
    log_.Event(clock_.Now(), "the time to drain is over: ending what still runs");
    scheduler_.CancelAll(
        MakeError(absl::StatusCode::kUnavailable, "SHUT_DOWN", "the server has shut down"));
  }
  Shutdown();
  log_.Event(clock_.Now(), "shut down");
}

void Server::Shutdown() {
  if (grpc_server_ == nullptr) return;
  health_.SetServing(false);
  health_.Shutdown();
  scheduler_.SetReadiness(Readiness::kDraining);
  scheduler_.CancelAll(
      MakeError(absl::StatusCode::kUnavailable, "SHUT_DOWN", "the server has shut down"));
  open_calls_.AwaitNone(absl::Seconds(config_.flush_seconds));
  listener_->Stop();
  grpc_server_->Shutdown(absl::ToChronoTime(absl::Now() + kGoodbyeLimit));
  grpc_server_->Wait();
  grpc_server_.reset();
}

void Server::Reload() {
  absl::Status status = keys_.Reload();
  const TlsFiles tls = {config_.tls_certificate, config_.tls_key, config_.tls_client_ca};
  if (status.ok() && tls.enabled()) status = CheckTlsFiles(tls);
  log_.Event(clock_.Now(), status.ok() ? "keys and certificates reloaded"
                                       : absl::StrCat("not reloaded: ", status.message()));
}

absl::Status WarmUp(Generator& generator) {
  GenerationSpec spec;
  spec.duration_seconds = std::min(1.0, generator.config().window_seconds());
  spec.sections = {{0, {{"warm up", 1.0}}}};
  spec.sampling = generator.config().sampling;
  for (int& steps : spec.sampling.decoding_steps) steps = 1;
  auto generation = generator.Begin(spec);
  if (!generation.ok()) return generation.status();
  Generation* const batch[] = {generation->get()};
  while (!(*generation)->progress().done()) {
    if (absl::Status status = generator.Step(batch).front(); !status.ok()) return status;
  }
  while ((*generation)->progress().has_frames_to_decode()) {
    auto samples = generator.DecodeAudio(**generation, /*max_frames=*/50);
    if (!samples.ok()) return samples.status();
  }
  return absl::OkStatus();
}

}  // namespace magnet
