#include "client/message.h"

#include "absl/strings/str_format.h"
#include "client/call_error.h"
#include "client/clip_report.h"
#include "client/exit_code.h"

namespace magnet::client {

void PrintError(const Environment& environment, const std::string& message) {
  const bool color = environment.terminal.color;
  *environment.err << (color ? "\x1b[31mmagnet-client:\x1b[0m " : "magnet-client: ") << message
                   << std::endl;
}

int FailToStart(const Environment& environment, const std::string& command,
                const absl::Status& status) {
  PrintError(environment, std::string(status.message()));
  if (absl::IsNotFound(status)) return kExitLocal;
  *environment.err << "Try \"magnet-client " << command << (command.empty() ? "" : " ")
                   << "--help\"." << std::endl;
  return kExitUsage;
}

int FailCall(const Environment& environment, const grpc::Status& status, std::ostream* json) {
  const CallError error = ReadCallError(status);
  const ExitCode code = ExitCodeOf(status.error_code());
  PrintError(environment, CallErrorText(error));
  if (json != nullptr) {
    *json << JsonLine({{"error", CallErrorJson(error)}, {"exit_code", static_cast<int>(code)}})
          << std::flush;
  }
  return code;
}

std::string RetryNote(const grpc::Status& status, absl::Duration delay) {
  return absl::StrFormat("%s; trying again in %.1f s", ReadCallError(status).message,
                         absl::ToDoubleSeconds(delay));
}

OptionGroup HelpOptionGroup() {
  return {"Other", {{.name = "help", .short_name = 'h', .help = "Print this and exit."}}};
}

Option NoRetryOption() {
  return {.name = "no-retry",
          .help =
              "Fail at once where the server is full or not there. Default: up to 4 more tries, as "
              "late as the server asks for."};
}

}  // namespace magnet::client
