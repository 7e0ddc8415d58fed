#include "client/unary_call.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "client/call_error.h"
#include "client/message.h"
#include "client/progress_bar.h"

namespace magnet::client {

grpc::Status CallUnary(const UnarySetting& setting,
                       const std::function<grpc::Status(grpc::ClientContext*)>& call) {
  const Environment& environment = *setting.environment;
  const absl::Duration timeout = setting.connection->timeout;
  const absl::Time deadline = environment.clock->Now() + timeout;
  RetryOptions retry = setting.retry;
  retry.max_total_delay = std::min(retry.max_total_delay, timeout);
  RetryPolicy policy(retry, absl::ToUnixNanos(absl::Now()));
  ProgressBar bar(environment.err, environment.terminal, environment.clock);
  const auto try_once = [&] {
    grpc::ClientContext context;
    PrepareContext(*setting.connection, deadline, &context);
    const Interrupt::Handler cancel(environment.interrupt, [&context] { context.TryCancel(); });
    Attempt attempt;
    attempt.status = call(&context);
    attempt.server_delay = ServerDelay(context, attempt.status);
    return attempt;
  };
  const auto before_wait = [&](const Attempt& attempt, absl::Duration delay) {
    bar.Note(RetryNote(attempt.status, delay));
  };
  return RunWithRetries(&policy, environment.clock, try_once, before_wait).status;
}

int FailUnary(const UnarySetting& setting, const grpc::Status& status, bool json) {
  const Environment& environment = *setting.environment;
  if (environment.interrupt->raised()) {
    PrintError(environment, "interrupted");
    return environment.interrupt->exit_code();
  }
  return FailCall(environment, status, json ? environment.out : nullptr);
}

}  // namespace magnet::client
