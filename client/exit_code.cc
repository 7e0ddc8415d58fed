#include "client/exit_code.h"

namespace magnet::client {

ExitCode ExitCodeOf(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::OK:
      return kExitOk;
    case grpc::StatusCode::UNAVAILABLE:
      return kExitUnavailable;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return kExitExhausted;
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::OUT_OF_RANGE:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::UNIMPLEMENTED:
      return kExitInvalid;
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
      return kExitUnauthorized;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return kExitDeadline;
    case grpc::StatusCode::DATA_LOSS:
      return kExitCorrupt;
    default:
      return kExitFailed;
  }
}

std::string ExitCodeHelp() {
  return "Exit codes:\n"
         "  0    done\n"
         "  1    the call failed on the server\n"
         "  2    the command line is wrong\n"
         "  3    no server there, or it is not serving\n"
         "  4    the server's queue or a limit is full, retries included\n"
         "  5    the server refused the request: a field or the model is wrong\n"
         "  6    an API key or certificate is missing or was refused\n"
         "  7    the time of --timeout ran out\n"
         "  8    what arrived is not what the server accounts for\n"
         "  9    a local file or player failed\n"
         "  130  interrupted by Ctrl-C (143 by SIGTERM)\n";
}

}  // namespace magnet::client
