#include "server/server_config.h"

#include <yaml-cpp/yaml.h>

#include <optional>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "model/model_config.h"
#include "server/api_keys.h"
#include "server/credentials.h"
#include "server/file_text.h"
#include "server/option_table.h"

namespace magnet {
namespace {

using Config = ServerConfig;
using ServerOption = Option<Config>;

const std::vector<OptionGroup<Config>>& Groups() {
  static const auto* groups = new std::vector<OptionGroup<Config>>{
      {"Models",
       {{"models", "FOLDER", &Config::models,
         "Bundle to serve; may be given several times. The first is the default model."},
        {"device", "NAME", &Config::device,
         "Where the models compute: cpu, cuda (the first GPU), cuda:N, or auto: a GPU where there "
         "is one."},
        {.name = "precision",
         .value_name = "TYPE",
         .field = &Config::precision,
         .help = "Arithmetic of the model; auto: float16 on a GPU, on a CPU bfloat16 where it has "
                 "AMX, else int8 where it has AVX2, else float32. A GPU computes in float16 only.",
         .choices = "auto, float32, bfloat16, float16, int8"},
        {"threads", "N", &Config::threads, "Threads of the tensor library; 0: one per core.", 0,
         1024},
        {"prompt-cache", "N", &Config::prompt_cache, "Encoded texts that are kept.", 0, 1e6}}},
      {"Connections",
       {{"listen", "HOST:PORT", &Config::listen,
         "Address of the gRPC service, or unix:PATH; port 0 takes a free one."},
        {"insecure", nullptr, &Config::insecure,
         "Allow plain text on addresses that other machines can reach."},
        {"tls-certificate", "FILE", &Config::tls_certificate,
         "PEM certificate chain of the server. A new file is taken up within seconds."},
        {"tls-key", "FILE", &Config::tls_key, "PEM key of the certificate."},
        {"tls-client-ca", "FILE", &Config::tls_client_ca,
         "PEM certificates; clients must show one that these have signed."},
        {"api-keys", "FILE", &Config::api_keys,
         "YAML list of hashed keys; callers must send one. SIGHUP reads it again."},
        {"metrics-listen", "HOST:PORT", &Config::metrics_listen,
         "Address of Prometheus metrics (HTTP, /metrics); empty: none."},
        {"keepalive-seconds", "S", &Config::keepalive_seconds,
         "Ping connections that were silent for so long.", 1, 1e6},
        {"keepalive-timeout-seconds", "S", &Config::keepalive_timeout_seconds,
         "Close connections that do not answer a ping in this time.", 1, 1e6}}},
      {"Limits",
       {{"max-running", "N", &Config::max_running,
         "Requests in work at the same time, those that pause included.", 1, 1e6},
        {"max-waiting", "N", &Config::max_waiting, "Requests in the queue; more are refused.", 1,
         1e6},
        {"max-batch-rows", "N", &Config::max_batch_rows,
         "Token rows per decoding step, over all requests of the step; 1: one request per step. "
         "0: as the device likes it: one request on a CPU, 4096 rows on a GPU.",
         0, 1e9},
        {"max-duration-seconds", "S", &Config::max_duration_seconds, "Longest clip.", 0.1, 1e5},
        {"max-prompt-bytes", "N", &Config::max_prompt_bytes, "Longest text.", 1, 1e6},
        {"max-total-steps", "N", &Config::max_total_steps, "Decoding steps per window.", 1, 1e6},
        {"max-given-audio-bytes", "N", &Config::max_given_audio_bytes,
         "Largest sound file in a request.", 0, 1e9},
        {"max-connections", "N", &Config::max_connections,
         "Connections that may be open; more are closed as soon as they are made.", 1, 1e6},
        {"max-streams-per-connection", "N", &Config::max_streams_per_connection,
         "Calls that one connection may have open.", 1, 1e6},
        {"max-connection-memory-bytes", "N", &Config::max_connection_memory_bytes,
         "Memory of gRPC for all connections; new data waits beyond it.", 1 << 20, 1e12},
        {"max-unsent-bytes", "N", &Config::max_unsent_bytes,
         "Encoded audio that a stream may hold for a slow reader before its generation pauses.", 1,
         1e9},
        {"stall-seconds", "S", &Config::stall_seconds,
         "Drop a client that takes nothing for so long although something waits for it.", 0.01,
         1e6}}},
      {"Running",
       {{"drain-delay-seconds", "S", &Config::drain_delay_seconds,
         "Time after SIGTERM or SIGINT in which health says NOT_SERVING and new requests are still "
         "taken, so that balancers can see the one before callers meet the other.",
         0, 1e6},
        {"drain-seconds", "S", &Config::drain_seconds,
         "Time that accepted requests get to finish after SIGTERM or SIGINT.", 0, 1e6},
        {"flush-seconds", "S", &Config::flush_seconds,
         "Time that finished requests then get to send their last bytes to slow readers.", 0, 1e6},
        {"log-prompts", nullptr, &Config::log_prompts, "Write prompts into the log."}}}};
  return *groups;
}

const ServerOption* FindOption(std::string_view name) {
  for (const auto& group : Groups()) {
    for (const ServerOption& option : group.options) {
      if (name == option.name) return &option;
    }
  }
  return nullptr;
}

const ServerOption* FindYamlKey(const std::string& key) {
  for (const auto& group : Groups()) {
    for (const ServerOption& option : group.options) {
      if (key == option.yaml_key()) return &option;
    }
  }
  return nullptr;
}

absl::Status Named(const std::string& name, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(name, ": ", status.message()));
}

// A flag and its value, from the front of what is left of the command line.
struct Flag {
  std::string name;
  std::optional<std::string> value;  // after '='
};

absl::StatusOr<Flag> SplitFlag(const std::string& argument) {
  if (!absl::StartsWith(argument, "--")) {
    return absl::InvalidArgumentError(
        absl::StrCat("unexpected argument \"", argument, "\" (try --help)"));
  }
  const size_t equals = argument.find('=');
  Flag flag{argument.substr(2, equals == argument.npos ? argument.npos : equals - 2), std::nullopt};
  if (equals != argument.npos) flag.value = argument.substr(equals + 1);
  return flag;
}

// Reads the command line in order; the file is applied where it is named, before
// all flags, by a first pass that looks only for it.
class CommandLine {
 public:
  explicit CommandLine(absl::Span<const std::string> arguments) : arguments_(arguments) {}

  absl::Status Parse(ServerCommand& command) {
    if (absl::Status status = Walk(command, /*only_file=*/true); !status.ok()) return status;
    return Walk(command, /*only_file=*/false);
  }

 private:
  absl::Status Walk(ServerCommand& command, bool only_file) {
    position_ = 0;
    bool models_from_flags = false;
    while (position_ < arguments_.size()) {
      auto flag = SplitFlag(arguments_[position_++]);
      if (!flag.ok()) return flag.status();
      if (flag->name == "models" && !only_file && !std::exchange(models_from_flags, true)) {
        command.config.models.clear();
      }
      if (absl::Status status = Apply(*flag, only_file, command); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Apply(const Flag& flag, bool only_file, ServerCommand& command) {
    if (flag.name == "help") return SetAction(ServerAction::kHelp, command);
    if (flag.name == "version") return SetAction(ServerAction::kVersion, command);
    if (flag.name == "check-config") return SetAction(ServerAction::kCheckConfig, command);
    const std::string shown = absl::StrCat("--", flag.name);
    if (flag.name == "config") {
      auto path = Value(flag);
      if (!path.ok() || !only_file) return path.status();
      auto text = ReadTextFile(*path);
      if (!text.ok()) return Named(shown, text.status());
      return Named(*path, ApplyYaml(*text, command.config));
    }
    const ServerOption* option = FindOption(flag.name);
    const bool negated = option == nullptr && absl::StartsWith(flag.name, "no-");
    if (negated) option = FindOption(flag.name.substr(3));
    if (option == nullptr || (negated && !option->is_switch())) {
      return absl::InvalidArgumentError(absl::StrCat("unknown flag ", shown, " (try --help)"));
    }
    std::string text = negated ? "false" : "true";
    if (!option->is_switch() || flag.value) {
      auto value = Value(flag);
      if (!value.ok()) return value.status();
      text = *value;
    }
    if (only_file) return absl::OkStatus();
    return Named(shown, SetOption(*option, text, command.config));
  }

  static absl::Status SetAction(ServerAction action, ServerCommand& command) {
    if (command.action == ServerAction::kRun) command.action = action;
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Value(const Flag& flag) {
    if (flag.value) return *flag.value;
    if (position_ < arguments_.size()) return arguments_[position_++];
    return absl::InvalidArgumentError(
        absl::StrCat("--", flag.name, ": expected a value, found none"));
  }

  absl::Span<const std::string> arguments_;
  size_t position_ = 0;
};

bool IsLoopback(const std::string& address) {
  return absl::StartsWith(address, "127.") || absl::StartsWith(address, "localhost:") ||
         absl::StartsWith(address, "[::1]:") || absl::StartsWith(address, "unix:");
}

absl::Status CheckModelFolder(const std::string& folder) {
  const std::string path = folder + "/config.json";
  auto text = ReadTextFile(path);
  if (!text.ok()) return Named("models", text.status());
  return Named(path, ParseModelConfig(*text).status());
}

}  // namespace

absl::StatusOr<ServerCommand> ParseServerCommand(absl::Span<const std::string> arguments) {
  ServerCommand command;
  if (absl::Status status = CommandLine(arguments).Parse(command); !status.ok()) return status;
  return command;
}

absl::Status ApplyYaml(const std::string& yaml, ServerConfig& config) {
  YAML::Node root;
  try {
    root = YAML::Load(yaml);
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("not YAML: ", error.what()));
  }
  if (root.IsNull()) return absl::OkStatus();
  if (!root.IsMap()) return absl::InvalidArgumentError("expected a map of options");
  for (const auto& entry : root) {
    const std::string key = entry.first.as<std::string>("");
    const ServerOption* option = FindYamlKey(key);
    if (option == nullptr)
      return absl::InvalidArgumentError(absl::StrCat("unknown key \"", key, "\""));
    const YAML::Node& value = entry.second;
    if (option->is_list() && !value.IsSequence()) {
      return absl::InvalidArgumentError(absl::StrCat(key, ": expected a list"));
    }
    if (!option->is_list() && !value.IsScalar()) {
      return absl::InvalidArgumentError(absl::StrCat(key, ": expected a single value"));
    }
    absl::Status status;
    if (!option->is_list()) status = SetOption(*option, value.Scalar(), config);
    for (size_t i = 0; option->is_list() && status.ok() && i < value.size(); ++i) {
      status = SetOption(*option, value[i].as<std::string>(""), config);
    }
    if (!status.ok()) return Named(key, status);
  }
  return absl::OkStatus();
}

absl::Status CheckServerConfig(const ServerConfig& config) {
  const TlsFiles tls = {config.tls_certificate, config.tls_key, config.tls_client_ca};
  if (config.models.empty())
    return absl::InvalidArgumentError("models: expected at least one bundle, found none");
  if (tls.certificate.empty() != tls.key.empty()) {
    return absl::InvalidArgumentError("tls-certificate and tls-key: expected both or neither");
  }
  if (!tls.enabled() && !tls.client_ca.empty()) {
    return absl::InvalidArgumentError("tls-client-ca: expected tls-certificate beside it");
  }
  if (!tls.enabled() && !config.insecure && !IsLoopback(config.listen)) {
    return absl::InvalidArgumentError(
        absl::StrCat("listen: ", config.listen,
                     " can be reached from other machines in plain text: "
                     "give tls-certificate and tls-key, or insecure if that is meant"));
  }
  if (tls.enabled()) {
    if (absl::Status status = CheckTlsFiles(tls); !status.ok()) return status;
  }
  if (absl::Status status = ApiKeys(config.api_keys).Reload(); !status.ok())
    return Named("api-keys", status);
  for (const std::string& folder : config.models) {
    if (absl::Status status = CheckModelFolder(folder); !status.ok()) return status;
  }
  return absl::OkStatus();
}

std::string ServerHelp() {
  return absl::StrCat(
      "Usage: magnet-server --models FOLDER [options]\n\n"
      "Serves text-to-music models over gRPC (magnet.v1.MusicService).\n\n"
      "  --config FILE     YAML file with any of the options below, named with\n"
      "                    underscores; flags win over it\n"
      "  --check-config    check everything and exit\n"
      "  --help, --version\n",
      OptionHelp(Groups()),
      "\nSignals: SIGTERM and SIGINT finish what was accepted, a second one stops at\n"
      "once; SIGHUP reads the API keys again and checks the certificates.\n"
      "Exit codes: 0 after a shutdown, 1 when it failed, 2 for a wrong configuration.\n");
}

}  // namespace magnet
