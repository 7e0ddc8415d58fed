#include "client/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <fstream>
#include <limits>
#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace magnet::client {
namespace {

// A whole chunk is far smaller; a limit keeps a wrong server from filling
// memory.
constexpr int kMaxMessageBytes = 64 << 20;

absl::Status ReadFile(const std::string& option, const ParsedOptions& options, std::string* text) {
  if (!options.Has(option)) return absl::OkStatus();
  const std::string path = options.Text(option);
  std::ifstream file(path, std::ios::binary);
  std::stringstream contents;
  contents << file.rdbuf();
  if (!file || contents.str().empty()) {
    return absl::NotFoundError(absl::StrCat("--", option, ": cannot read \"", path, "\""));
  }
  *text = contents.str();
  return absl::OkStatus();
}

absl::Status ReadApiKey(const ParsedOptions& options, const Environment& environment,
                        std::string* api_key) {
  *api_key = environment.Variable("MAGNET_API_KEY");
  if (auto status = ReadFile("api-key-file", options, api_key); !status.ok()) return status;
  absl::StripAsciiWhitespace(api_key);
  for (const char c : *api_key) {
    // gRPC ends the process for metadata with other bytes.
    if (!absl::ascii_isgraph(c)) {
      return absl::InvalidArgumentError("the API key has characters that a key cannot have");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckConsistent(const Connection& connection) {
  if (connection.server.empty()) return absl::InvalidArgumentError("--server is empty");
  if (connection.certificate_chain.empty() != connection.private_key.empty()) {
    return absl::InvalidArgumentError("--cert and --key belong together");
  }
  if (!connection.api_key.empty() && !connection.tls && !IsLoopback(connection.server)) {
    return absl::InvalidArgumentError(
        absl::StrCat("an API key would go to ", connection.server, " in plain text; add --tls"));
  }
  return absl::OkStatus();
}

}  // namespace

OptionGroup ConnectionOptionGroup() {
  const double unbounded = std::numeric_limits<double>::max();
  return {"Connection",
          {
              {.name = "server",
               .short_name = 's',
               .kind = ValueKind::kText,
               .value_name = "HOST:PORT",
               .help = "Server to call. Default: $MAGNET_SERVER, or else 127.0.0.1:50051."},
              {.name = "tls", .help = "Use TLS, trusting the system's authorities."},
              {.name = "ca",
               .kind = ValueKind::kFile,
               .value_name = "FILE",
               .help = "Trust the authorities in FILE (PEM) instead. Turns TLS on."},
              {.name = "cert",
               .kind = ValueKind::kFile,
               .value_name = "FILE",
               .help = "Show the server this certificate chain (PEM). Turns TLS on."},
              {.name = "key",
               .kind = ValueKind::kFile,
               .value_name = "FILE",
               .help = "Private key of --cert (PEM)."},
              {.name = "server-name",
               .kind = ValueKind::kText,
               .value_name = "NAME",
               .help = "Name that the server's certificate must have. Default: the host's."},
              {.name = "api-key-file",
               .kind = ValueKind::kFile,
               .value_name = "FILE",
               .help = "File with the API key. Default: $MAGNET_API_KEY."},
              {.name = "timeout",
               .kind = ValueKind::kNumber,
               .value_name = "SECONDS",
               .help = "Give up after this time, retries included. Default: never.",
               .min = 0,
               .max = unbounded,
               .min_is_open = true},
          }};
}

absl::StatusOr<Connection> ReadConnection(const ParsedOptions& options,
                                          const Environment& environment) {
  Connection connection;
  const std::string preset = environment.Variable("MAGNET_SERVER");
  connection.server = options.Text("server", preset.empty() ? kDefaultServer : preset);
  connection.server_name = options.Text("server-name");
  connection.tls =
      options.Has("tls") || options.Has("ca") || options.Has("cert") || options.Has("server-name");
  if (options.Has("timeout")) connection.timeout = absl::Seconds(options.Number("timeout"));
  for (const auto& [option, text] : {std::pair{"ca", &connection.root_certificates},
                                     std::pair{"cert", &connection.certificate_chain},
                                     std::pair{"key", &connection.private_key}}) {
    if (auto status = ReadFile(option, options, text); !status.ok()) return status;
  }
  if (auto status = ReadApiKey(options, environment, &connection.api_key); !status.ok()) {
    return status;
  }
  if (auto status = CheckConsistent(connection); !status.ok()) return status;
  return connection;
}

std::shared_ptr<grpc::Channel> OpenChannel(const Connection& connection) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  // A call of its own: no channel is shared with another part of the process.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  if (!connection.server_name.empty()) {
    arguments.SetSslTargetNameOverride(connection.server_name);
  }
  if (!connection.tls) {
    return grpc::CreateCustomChannel(connection.server, grpc::InsecureChannelCredentials(),
                                     arguments);
  }
  const grpc::SslCredentialsOptions tls = {connection.root_certificates, connection.private_key,
                                           connection.certificate_chain};
  return grpc::CreateCustomChannel(connection.server, grpc::SslCredentials(tls), arguments);
}

void PrepareContext(const Connection& connection, absl::Time deadline,
                    grpc::ClientContext* context) {
  if (!connection.api_key.empty()) {
    context->AddMetadata("authorization", absl::StrCat("Bearer ", connection.api_key));
  }
  if (deadline != absl::InfiniteFuture()) context->set_deadline(absl::ToChronoTime(deadline));
}

bool IsLoopback(const std::string& server) {
  return absl::StartsWith(server, "unix:") || absl::StartsWith(server, "127.") ||
         absl::StartsWith(server, "localhost:") || server == "localhost" ||
         absl::StartsWith(server, "[::1]");
}

}  // namespace magnet::client
