// Everything a person can set about a server: one table (server_config.cc) gives
// the flags, the keys of the YAML file, the help text and the checks.
#ifndef MAGNET_SERVER_SERVER_CONFIG_H_
#define MAGNET_SERVER_SERVER_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace magnet {

// Defaults serve one machine's own programs without a file. What each field is
// says its line in the table.
struct ServerConfig {
  std::vector<std::string> models;
  std::string device = "auto";
  std::string precision = "auto";
  int threads = 0;
  int prompt_cache = 256;

  std::string listen = "127.0.0.1:50051";
  bool insecure = false;
  std::string tls_certificate;
  std::string tls_key;
  std::string tls_client_ca;
  std::string api_keys;
  std::string metrics_listen = "127.0.0.1:9464";

  int max_running = 16;
  int max_waiting = 64;
  int64_t max_batch_rows = 0;
  double max_duration_seconds = 600;
  int max_prompt_bytes = 4096;
  int max_total_steps = 1000;
  int64_t max_given_audio_bytes = 16 << 20;
  int max_connections = 1000;
  int max_streams_per_connection = 100;
  int64_t max_connection_memory_bytes = 256 << 20;
  int64_t max_unsent_bytes = 256 << 10;
  double stall_seconds = 60;
  double keepalive_seconds = 30;
  double keepalive_timeout_seconds = 10;
  double drain_delay_seconds = 0;
  double drain_seconds = 120;
  double flush_seconds = 10;

  bool log_prompts = false;
};

enum class ServerAction { kRun, kCheckConfig, kHelp, kVersion };

struct ServerCommand {
  ServerAction action = ServerAction::kRun;
  ServerConfig config;
};

// Flags (`--name VALUE` or `--name=VALUE`; yes-or-no flags as `--name` and
// `--no-name`) over the file named by --config over the defaults.
// INVALID_ARGUMENT names the flag or the file's key, what was expected and what
// was found. Does not check how values fit each other.
absl::StatusOr<ServerCommand> ParseServerCommand(absl::Span<const std::string> arguments);

// Sets what a YAML file says. Keys are the flags' names with underscores.
absl::Status ApplyYaml(const std::string& yaml, ServerConfig& config);

// How the values fit each other and the machine: models named, TLS files usable,
// keys readable, no plain text beyond this machine by mistake.
absl::Status CheckServerConfig(const ServerConfig& config);

// What --help prints.
std::string ServerHelp();

}  // namespace magnet

#endif  // MAGNET_SERVER_SERVER_CONFIG_H_
