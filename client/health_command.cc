#include <limits>

#include "client/channel.h"
#include "client/clip_report.h"
#include "client/exit_code.h"
#include "client/message.h"
#include "client/server_commands.h"
#include "client/unary_call.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace magnet::client {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr absl::Duration kPollInterval = absl::Milliseconds(500);

struct Answer {
  grpc::Status status;
  bool serving = false;
  std::string word;
};

Answer Check(Health::Stub* stub, const UnarySetting& setting, const std::string& service) {
  HealthCheckRequest request;
  request.set_service(service);
  HealthCheckResponse response;
  Answer answer;
  answer.status = CallUnary(setting, [&](grpc::ClientContext* context) {
    return stub->Check(context, request, &response);
  });
  answer.serving = response.status() == HealthCheckResponse::SERVING;
  answer.word = HealthCheckResponse::ServingStatus_Name(response.status());
  return answer;
}

// Asks until it serves, `wait` is over or the user interrupts.
Answer CheckUntil(Health::Stub* stub, const UnarySetting& setting, const std::string& service,
                  absl::Duration wait) {
  Clock* const clock = setting.environment->clock;
  const absl::Time end = clock->Now() + wait;
  while (true) {
    const Answer answer = Check(stub, setting, service);
    const bool may_change =
        answer.status.ok() || answer.status.error_code() == grpc::StatusCode::UNAVAILABLE;
    if (answer.serving || !may_change || clock->Now() >= end) return answer;
    if (clock->Sleep(std::min(kPollInterval, end - clock->Now()))) return answer;
  }
}

}  // namespace

Command HealthCommand() {
  Command command;
  command.name = "health";
  command.summary = "Ask whether the server takes requests.";
  command.description =
      "Asks the server, or one of its services, whether it takes requests, and prints SERVING or "
      "NOT_SERVING. Exit code 0 means that it does, 3 that it does not.";
  command.operand = {.name = "SERVICE"};
  command.groups = {
      {"Health",
       {{.name = "wait",
         .kind = ValueKind::kNumber,
         .value_name = "SECONDS",
         .help = "Ask again and again for this long, until it serves.",
         .min = 0,
         .max = std::numeric_limits<double>::max()},
        {.name = "json", .help = "Print {\"status\": ...}."},
        {.name = "quiet", .short_name = 'q', .help = "Print nothing; the exit code says it."}}},
      ConnectionOptionGroup(),
      HelpOptionGroup()};
  command.examples = {"magnet-client health --wait 60 && magnet-client generate \"lo-fi beat\"",
                      "magnet-client health magnet.v1.MusicService"};
  return command;
}

int RunHealth(const ParsedOptions& options, const Environment& environment) {
  const auto connection = ReadConnection(options, environment);
  if (!connection.ok()) return FailToStart(environment, "health", connection.status());
  UnarySetting setting = {&environment, &*connection};
  // The state now is the answer; --wait is its own way of trying again.
  setting.retry.max_retries = 0;
  const auto stub = Health::NewStub(OpenChannel(*connection));
  const Answer answer =
      CheckUntil(stub.get(), setting, options.operand(), absl::Seconds(options.Number("wait")));
  const bool quiet = options.Has("quiet");
  if (!answer.status.ok()) {
    if (!quiet) return FailUnary(setting, answer.status, options.Has("json"));
    return environment.interrupt->raised() ? environment.interrupt->exit_code()
                                           : ExitCodeOf(answer.status.error_code());
  }
  if (!quiet && options.Has("json")) *environment.out << JsonLine({{"status", answer.word}});
  if (!quiet && !options.Has("json")) *environment.out << answer.word << "\n";
  environment.out->flush();
  return answer.serving ? kExitOk : kExitUnavailable;
}

}  // namespace magnet::client
