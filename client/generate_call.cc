#include "client/generate_call.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "client/call_error.h"
#include "client/interrupt.h"

namespace magnet::client {
namespace {

// Reads the stream to its end; DATA_LOSS when it breaks a promise.
absl::Status ReadStream(grpc::ClientReaderInterface<v1::GenerateResponse>* reader,
                        const GenerateListener& listener, const Clock& clock, absl::Time start,
                        GenerateOutcome* outcome) {
  v1::GenerateResponse response;
  while (reader->Read(&response)) {
    if (auto status = outcome->clip.Receive(response); !status.ok()) return status;
    if (response.has_progress() && listener.on_progress) listener.on_progress(response.progress());
    if (!response.has_audio_chunk()) continue;
    if (outcome->first_audio == absl::ZeroDuration()) outcome->first_audio = clock.Now() - start;
    outcome->local = listener.on_audio(response.audio_chunk().data());
    if (!outcome->local.ok()) return absl::OkStatus();
  }
  return absl::OkStatus();
}

grpc::Status DataLoss(const absl::Status& status) {
  return grpc::Status(grpc::StatusCode::DATA_LOSS, std::string(status.message()));
}

Attempt TryOnce(const CallSetting& setting, const v1::GenerateRequest& request, absl::Time deadline,
                const GenerateListener& listener, GenerateOutcome* outcome) {
  grpc::ClientContext context;
  PrepareContext(*setting.connection, deadline, &context);
  const Interrupt::Handler cancel(setting.interrupt, [&context] { context.TryCancel(); });
  const absl::Time start = setting.clock->Now();
  const auto reader = setting.stub->Generate(&context, request);
  const absl::Status stream = ReadStream(reader.get(), listener, *setting.clock, start, outcome);
  if (!stream.ok() || !outcome->local.ok()) context.TryCancel();
  Attempt attempt;
  attempt.status = FinalStatus(context, reader->Finish());
  attempt.message_received = outcome->clip.has_started();
  outcome->elapsed = setting.clock->Now() - start;
  if (!stream.ok()) {
    attempt.status = DataLoss(stream);
  } else if (attempt.status.ok() && outcome->local.ok()) {
    const absl::Status complete = outcome->clip.CheckComplete();
    if (!complete.ok()) attempt.status = DataLoss(complete);
  } else {
    attempt.server_delay = ServerDelay(context, attempt.status);
  }
  return attempt;
}

}  // namespace

GenerateOutcome Generate(const CallSetting& setting, const v1::GenerateRequest& request,
                         const GenerateListener& listener) {
  const absl::Time deadline = setting.clock->Now() + setting.connection->timeout;
  RetryOptions retry = setting.retry;
  // Waiting past the deadline would end in an error that hides the cause.
  retry.max_total_delay = std::min(retry.max_total_delay, setting.connection->timeout);
  RetryPolicy policy(retry, setting.retry_seed);
  GenerateOutcome outcome;
  const Attempt last = RunWithRetries(
      &policy, setting.clock,
      [&] {
        outcome = GenerateOutcome();
        return TryOnce(setting, request, deadline, listener, &outcome);
      },
      listener.on_retry);
  outcome.status = last.status;
  outcome.tries = policy.retries() + 1;
  return outcome;
}

}  // namespace magnet::client
