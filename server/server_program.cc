#include "server/server_program.h"

#include <google/protobuf/stubs/logging.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "server/server.h"
#include "server/service_notifier.h"
#include "server/version.h"

namespace magnet {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
// After the time to drain: for what is then cancelled, and its last bytes.
constexpr absl::Duration kEndingLimit = absl::Seconds(30);

sigset_t HandledSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

// Waits for signals on a thread of its own. The second request to end does not
// wait for anyone.
class SignalThread {
 public:
  SignalThread() : signals_(HandledSignals()) {
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }

  // `reload` is called on SIGHUP, `end` is notified by SIGTERM or SIGINT.
  void Start(const std::function<void()>& reload, absl::Notification& end) {
    std::thread([signals = signals_, reload, &end] {
      for (;;) {
        int signal = 0;
        if (sigwait(&signals, &signal) != 0) continue;
        if (signal == SIGHUP) {
          reload();
        } else if (end.HasBeenNotified()) {
          std::_Exit(kFailed);
        } else {
          end.Notify();
        }
      }
    }).detach();
  }

 private:
  sigset_t signals_;
};

// Reloads the server as long as there is one. Thread-safe.
class Reloader {
 public:
  // After Set(nullptr) no reload is under way.
  void Set(Server* server) {
    absl::MutexLock lock(&mutex_);
    server_ = server;
  }

  void Reload() {
    absl::MutexLock lock(&mutex_);
    if (server_ != nullptr) server_->Reload();
  }

 private:
  absl::Mutex mutex_;
  Server* server_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

int Fail(int code, const absl::Status& status) {
  std::cerr << "magnet-server: " << status.message() << std::endl;
  return code;
}

// A service manager that does not listen is no reason to stop.
void Report(const absl::Status& status) {
  if (!status.ok()) std::cerr << "magnet-server: " << status.message() << std::endl;
}

absl::Status LoadModels(const ServerConfig& config, const ModelOpener& open_model,
                        const absl::Notification& end, Server& server) {
  for (const std::string& folder : config.models) {
    if (end.HasBeenNotified()) return absl::OkStatus();
    auto model = open_model(folder, config);
    if (!model.ok()) return model.status();
    if (absl::Status status = server.AddModel(*std::move(model)); !status.ok()) return status;
  }
  return absl::OkStatus();
}

int Run(const ServerConfig& config, const ModelOpener& open_model, SignalThread& signals) {
  auto server = Server::Listen(config, std::clog, Clock::Real());
  if (!server.ok()) return Fail(kFailed, server.status());
  // All outlive this function: the signal thread uses them to the end.
  static absl::Notification& end = *new absl::Notification;
  static Reloader& reloader = *new Reloader;
  static ServiceNotifier& manager = *new ServiceNotifier(ServiceNotifier::SocketOfEnvironment());
  reloader.Set(server->get());
  signals.Start(
      [] {
        Report(manager.ReloadStarted());
        reloader.Reload();
        Report(manager.ReloadEnded());
      },
      end);
  if (absl::Status status = LoadModels(config, open_model, end, **server); !status.ok()) {
    reloader.Set(nullptr);
    return Fail(kFailed, status);
  }
  (*server)->Serve();
  Report(manager.Ready(absl::StrCat("serving on ", (*server)->address())));
  end.WaitForNotification();
  reloader.Set(nullptr);
  Report(manager.Stopping(
      absl::Seconds(config.drain_delay_seconds + config.drain_seconds + config.flush_seconds) +
      kEndingLimit));
  (*server)->Drain();
  return EXIT_SUCCESS;
}

}  // namespace

void SilenceLibraries() {
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  google::protobuf::SetLogHandler(nullptr);
}

int RunServerProgram(const std::vector<std::string>& arguments, const ModelOpener& open_model) {
  auto command = ParseServerCommand(arguments);
  if (!command.ok()) return Fail(kWrongUsage, command.status());
  if (command->action == ServerAction::kHelp) {
    std::cout << ServerHelp();
    return EXIT_SUCCESS;
  }
  if (command->action == ServerAction::kVersion) {
    std::cout << "magnet-server " << kVersion << '\n';
    return EXIT_SUCCESS;
  }
  if (absl::Status status = CheckServerConfig(command->config); !status.ok()) {
    return Fail(kWrongUsage, status);
  }
  if (command->action == ServerAction::kCheckConfig) {
    std::cout << "configuration is right\n";
    return EXIT_SUCCESS;
  }
  SilenceLibraries();
  SignalThread signals;
  return Run(command->config, open_model, signals);
}

}  // namespace magnet
