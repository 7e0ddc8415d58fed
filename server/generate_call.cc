#include "server/generate_call.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/call_metadata.h"
#include "server/status_conversion.h"

namespace magnet {
namespace {

// gRPC's timer and our clock may disagree about when a deadline was reached.
constexpr absl::Duration kDeadlineSlack = absl::Milliseconds(20);

std::string LoggedPrompt(const v1::GenerateRequest& request) {
  std::string prompt = request.prompt();
  for (const auto& section : request.sections()) {
    for (const auto& weighted : section.prompts()) absl::StrAppend(&prompt, "|", weighted.text());
  }
  return prompt;
}

}  // namespace

GenerateCall::GenerateCall(grpc::CallbackServerContext& context, const CallEnvironment& environment)
    : context_(context), environment_(environment), arrival_(environment.clock.Now()) {
  environment.open_calls.Enter();
}

GenerateCall::~GenerateCall() = default;

GenerateCall* GenerateCall::Start(grpc::CallbackServerContext& context,
                                  const v1::GenerateRequest& request,
                                  const CallEnvironment& environment) {
  const std::shared_ptr<GenerateCall> call(new GenerateCall(context, environment));
  call->self_ = call;
  call->ArmStallTimer();
  if (absl::Status status = call->Accept(request); !status.ok()) call->Reject(status);
  return call.get();
}

// What takes time is left to the worker: reactions of gRPC must not block.
absl::Status GenerateCall::Accept(const v1::GenerateRequest& request) {
  if (absl::Status status = Identify(request); !status.ok()) return status;
  if (!request.has_given_audio()) return Submit(request);
  // gRPC keeps the request until OnDone, which cannot come before the call's end.
  if (environment_.worker.TryRun(
          [call = shared_from_this(), &request] { call->SubmitLater(request); })) {
    return absl::OkStatus();
  }
  return MakeRetryableError(absl::StatusCode::kResourceExhausted, "QUEUE_FULL",
                            "too many requests with given audio wait to be read", absl::Seconds(1));
}

absl::Status GenerateCall::Identify(const v1::GenerateRequest& request) {
  record_.peer = context_.peer();
  record_.request_id = RequestId(context_);
  record_.traceparent = TraceParent(context_);
  record_.prompt = LoggedPrompt(request);
  auto client = environment_.keys.Authenticate(ClientMetadata(context_, "authorization"));
  if (!client.ok()) return client.status();
  client_ = *std::move(client);
  record_.key = client_.name;
  auto model = environment_.models.Find(request.model());
  if (!model.ok()) return model.status();
  model_ = *model;
  record_.model = model_->config().name;
  return absl::OkStatus();
}

absl::Status GenerateCall::Submit(const v1::GenerateRequest& request) {
  const ModelConfig& config = model_->config();
  auto converted = ConvertRequest(request, config, environment_.limits, FreshSeed());
  if (!converted.ok()) return converted.status();

  record_.seed = converted->spec.seed;
  model_version_ = config.version;
  sample_rate_hz_ = config.codec.sample_rate_hz;
  format_ = converted->format;
  chunk_samples_ = converted->chunk_samples;
  wants_progress_ = converted->wants_progress;
  auto id = environment_.scheduler.Submit({.generator = model_,
                                           .spec = std::move(converted->spec),
                                           .priority = converted->priority,
                                           .client = client_,
                                           .arrival = arrival_,
                                           .deadline = Deadline(context_)},
                                          shared_from_this());
  if (!id.ok()) return id.status();
  std::optional<absl::Status> abandoned;
  {
    absl::MutexLock lock(&mutex_);
    job_id_ = *id;
    abandoned = abandoned_;
  }
  if (abandoned) environment_.scheduler.Cancel(*id, *std::move(abandoned));
  return absl::OkStatus();
}

void GenerateCall::SubmitLater(const v1::GenerateRequest& request) {
  std::optional<absl::Status> abandoned;
  {
    absl::MutexLock lock(&mutex_);
    abandoned = abandoned_;
  }
  if (abandoned) {
    environment_.metrics.CountCancellation(JobPhase::kQueued);
    return OnFinished({.status = *abandoned});
  }
  if (absl::Status status = Submit(request); !status.ok()) Reject(status);
}

void GenerateCall::Reject(const absl::Status& status) {
  environment_.metrics.CountRejection(ErrorReason(status));
  OnFinished({.status = status});
}

void GenerateCall::OnStarted(const JobStarted& started) {
  const AudioShape shape{sample_rate_hz_, started.num_samples};
  auto stream = AudioStream::Open(format_, shape, chunk_samples_);
  if (!stream.ok()) {
    stream_status_ = stream.status();
    return;
  }
  stream_ = *std::move(stream);
  Message message;
  v1::Started& event = *message.response.mutable_started();
  event.set_request_id(record_.request_id);
  event.set_model(record_.model);
  event.set_seed(record_.seed);
  event.set_format(ToProto(format_));
  event.set_media_type(MediaType(format_, sample_rate_hz_));
  event.set_sample_rate_hz(DeliveredRate(format_, sample_rate_hz_));
  event.set_channels(1);
  event.set_total_samples(DeliveredSamples(format_, shape));
  event.set_total_steps(started.progress.steps_total);
  event.set_queue_seconds(started.queue_seconds);
  Send(std::move(message));
}

void GenerateCall::OnProgress(const GenerationProgress& progress, double working_seconds) {
  if (!wants_progress_) return;
  Message message;
  v1::Progress& event = *message.response.mutable_progress();
  event.set_window(progress.window);
  event.set_num_windows(progress.num_windows);
  event.set_stage(progress.stage);
  event.set_num_stages(progress.num_stages);
  event.set_step(progress.step);
  event.set_num_steps(progress.num_steps);
  event.set_steps_done(progress.steps_done);
  event.set_total_steps(progress.steps_total);
  if (progress.steps_done > 0) {
    event.set_remaining_seconds(working_seconds / progress.steps_done *
                                (progress.steps_total - progress.steps_done));
  }
  {
    absl::MutexLock lock(&mutex_);
    progress_ = std::move(message);
  }
  Advance();
}

absl::Status GenerateCall::OnAudio(std::vector<float> samples) {
  if (stream_ == nullptr) return stream_status_;
  auto chunks = stream_->Add(samples);
  if (!chunks.ok()) return chunks.status();
  for (EncodedChunk& chunk : *chunks) {
    Message message;
    message.audio_bytes = static_cast<int64_t>(chunk.data.size());
    v1::AudioChunk& event = *message.response.mutable_audio_chunk();
    event.set_data(std::move(chunk.data));
    event.set_offset(chunk.offset);
    event.set_end_sample(chunk.end_sample);
    unsent_bytes_ += message.audio_bytes;
    environment_.metrics.AddBacklog(message.audio_bytes);
    Send(std::move(message));
  }
  return absl::OkStatus();
}

void GenerateCall::OnFinished(const JobReport& report) {
  {
    absl::MutexLock lock(&mutex_);
    report_ = report;
  }
  Advance();
}

bool GenerateCall::HasRoom() const { return unsent_bytes_ < environment_.max_unsent_bytes; }

void GenerateCall::Send(Message message) {
  {
    absl::MutexLock lock(&mutex_);
    outbox_.push_back(std::move(message));
  }
  Advance();
}

// Starts what can be started: the next write, or the end.
void GenerateCall::Advance() {
  enum class Action { kWrite, kWriteAndFinish, kFinish } action;
  absl::Status status;
  {
    absl::MutexLock lock(&mutex_);
    if (writing_ || finishing_) return;
    if (abandoned_ || (report_ && !report_->status.ok())) DropOutbox();
    if (TakeNextMessage()) {
      writing_ = true;
      action = Action::kWrite;
    } else if (!report_) {
      return;
    } else {
      finishing_ = true;
      status = abandoned_ ? *abandoned_ : report_->status;
      action = status.ok() ? Action::kWriteAndFinish : Action::kFinish;
      if (status.ok()) FillFinished(*current_.response.mutable_finished());
      Account(status);
    }
  }
  switch (action) {
    case Action::kWrite:
      return StartWrite(&current_.response);
    case Action::kWriteAndFinish:
      return StartWriteAndFinish(&current_.response, grpc::WriteOptions(), grpc::Status::OK);
    case Action::kFinish:
      return Finish(ToGrpcStatus(status));
  }
}

bool GenerateCall::TakeNextMessage() {
  if (!outbox_.empty()) {
    current_ = std::move(outbox_.front());
    outbox_.pop_front();
    if (current_.audio_bytes > 0 && first_audio_seconds_ == 0) {
      first_audio_seconds_ = absl::ToDoubleSeconds(environment_.clock.Now() - arrival_);
    }
    return true;
  }
  // Once the job has ended, progress is old news.
  if (progress_ && !report_ && !abandoned_) {
    current_ = *std::exchange(progress_, std::nullopt);
    return true;
  }
  return false;
}

void GenerateCall::DropOutbox() {
  for (const Message& message : outbox_) {
    unsent_bytes_ -= message.audio_bytes;
    environment_.metrics.AddBacklog(-message.audio_bytes);
  }
  outbox_.clear();
}

void GenerateCall::FillFinished(v1::Finished& finished) {
  finished.set_samples(stream_->samples_delivered());
  finished.set_audio_seconds(stream_->seconds());
  finished.set_size_bytes(stream_->size_bytes());
  finished.set_sha256(stream_->Checksum());
  finished.set_seed(record_.seed);
  finished.set_model(record_.model);
  finished.set_model_version(model_version_);
  finished.set_queue_seconds(report_->queue_seconds);
  finished.set_compute_seconds(report_->compute_seconds);
  finished.set_first_audio_seconds(first_audio_seconds_);
  finished.set_passes(report_->passes);
  for (const TempoChange& change : report_->tempos) {
    v1::Tempo& tempo = *finished.add_tempos();
    tempo.set_start_seconds(change.start_seconds);
    tempo.set_bpm(change.bpm);
    tempo.set_beats_per_bar(change.beats_per_bar);
  }
}

// Before the status is sent, so that who has seen it finds it counted.
void GenerateCall::Account(const absl::Status& status) {
  record_.end = environment_.clock.Now();
  record_.status = status;
  record_.request_seconds = absl::ToDoubleSeconds(record_.end - arrival_);
  record_.queue_seconds = report_->queue_seconds;
  record_.compute_seconds = report_->compute_seconds;
  record_.first_audio_seconds = first_audio_seconds_;
  record_.passes = report_->passes;
  if (stream_ != nullptr) {
    record_.audio_seconds = stream_->seconds();
    record_.size_bytes = stream_->size_bytes();
  }
  if (abandoned_ && report_->status.ok()) {
    environment_.metrics.CountCancellation(JobPhase::kStreaming);
  }
  environment_.metrics.CountRequest({.model = record_.model,
                                     .code = status.code(),
                                     .request_seconds = record_.request_seconds,
                                     .compute_seconds = record_.compute_seconds,
                                     .audio_seconds = record_.audio_seconds,
                                     .first_audio_seconds = first_audio_seconds_});
  environment_.log.Write(record_);
  AddTrailers(context_, record_, RetryDelay(status));
}

void GenerateCall::OnWriteDone(bool ok) {
  bool has_room_again;
  {
    absl::MutexLock lock(&mutex_);
    const bool had_room = HasRoom();
    unsent_bytes_ -= current_.audio_bytes;
    environment_.metrics.AddBacklog(-current_.audio_bytes);
    current_.audio_bytes = 0;
    has_room_again = !had_room && HasRoom();
    writing_ = false;
    ++writes_done_;
  }
  if (!ok) Abandon(CancelReason());
  if (has_room_again) environment_.scheduler.Resume();
  Advance();
}

void GenerateCall::OnCancel() { Abandon(CancelReason()); }

absl::Status GenerateCall::CancelReason() const {
  if (environment_.clock.Now() + kDeadlineSlack >= Deadline(context_)) {
    return MakeError(absl::StatusCode::kDeadlineExceeded, "DEADLINE",
                     "the deadline passed before the clip was finished");
  }
  return MakeError(absl::StatusCode::kCancelled, "CLIENT_CANCELLED",
                   "the client cancelled the call");
}

// Ends the job, if it runs, and sends nothing more.
void GenerateCall::Abandon(absl::Status status) {
  {
    absl::MutexLock lock(&mutex_);
    if (finishing_) return;
    if (!abandoned_) abandoned_ = status;
  }
  environment_.scheduler.Cancel(job_id_, std::move(status));
  Advance();
}

void GenerateCall::OnDone() {
  environment_.open_calls.Leave();
  const std::shared_ptr<GenerateCall> last = std::move(self_);
}

void GenerateCall::ArmStallTimer() {
  // A new one each time: an alarm cannot be set again from its own reaction.
  stall_timer_ = std::make_unique<grpc::Alarm>();
  stall_timer_->Set(absl::ToChronoTime(absl::Now() + environment_.stall_limit),
                    [weak = weak_from_this()](bool expired) {
                      const std::shared_ptr<GenerateCall> call = weak.lock();
                      if (expired && call != nullptr) call->CheckForStall();
                    });
}

void GenerateCall::CheckForStall() {
  bool stalled;
  {
    absl::MutexLock lock(&mutex_);
    const bool in_flight = writing_ || finishing_;
    stalled = in_flight && writes_done_ == writes_seen_;
    writes_seen_ = in_flight ? writes_done_ : -1;
  }
  if (!stalled) return ArmStallTimer();
  Abandon(MakeError(absl::StatusCode::kCancelled, "CLIENT_STALLED",
                    absl::StrCat("the client took nothing for ",
                                 absl::FormatDuration(environment_.stall_limit))));
  context_.TryCancel();
}

}  // namespace magnet
