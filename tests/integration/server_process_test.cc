// What only a process of its own can show: signals, exit codes, a killed client.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/integration/server_harness.h"

namespace magnet::testing {
namespace {

// A child with pipes to its three standard streams.
class Process {
 public:
  explicit Process(std::vector<std::string> arguments) {
    int in[2], out[2], err[2];
    EXPECT_EQ(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = vfork();  // NOLINT(clang-analyzer-security.insecureAPI.vfork): a test, and quick
    if (pid_ == 0) {
      dup2(in[0], 0), dup2(out[1], 1), dup2(err[1], 2);
      execv(argv[0], argv.data());
      _exit(127);
    }
    close(in[0]), close(out[1]), close(err[1]);
    in_ = in[1], out_ = out[0], err_ = fdopen(err[0], "r");
  }

  ~Process() {
    if (pid_ > 0) Kill(SIGKILL), Wait();
    CloseInput();
    close(out_);
    fclose(err_);
  }

  void Kill(int signal) { kill(pid_, signal); }

  // Its exit code, or minus the signal that ended it.
  int Wait() {
    int status = 0;
    EXPECT_EQ(waitpid(std::exchange(pid_, -1), &status, 0) > 0, true);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  void Write(char byte) { EXPECT_EQ(write(in_, &byte, 1), 1); }
  void CloseInput() {
    if (in_ >= 0) close(std::exchange(in_, -1));
  }
  char ReadByte() {
    char byte = 0;
    EXPECT_EQ(read(out_, &byte, 1), 1);
    return byte;
  }

  // The first line of standard error that contains `text`.
  std::string AwaitLine(const std::string& text) {
    char line[4096];
    while (fgets(line, sizeof line, err_) != nullptr) {
      if (std::string(line).find(text) != std::string::npos) return line;
    }
    ADD_FAILURE() << "the process ended without saying \"" << text << "\"";
    return "";
  }

 private:
  pid_t pid_ = -1;
  int in_ = -1, out_ = -1;
  FILE* err_ = nullptr;
};

std::string BundleFolder() {
  const std::string folder = absl::StrCat(::testing::TempDir(), "/fake_bundle_", getpid());
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/config.json") << FormatModelConfig(FakeModelConfig("fake"));
  return folder;
}

// A serving process and its address.
class ServerProcess : public Process {
 public:
  explicit ServerProcess(std::vector<std::string> flags) : Process(Arguments(std::move(flags))) {
    const std::string line = AwaitLine("listening on ");
    const size_t begin = line.find("127.0.0.1:");
    address_ = line.substr(begin, line.find('"', begin) - begin);
    AwaitLine("\"serving\"");
  }

  // Its model stands still from now on.
  void StopSteps() {
    Write('c');
    EXPECT_EQ(ReadByte(), 'k');
  }

  const std::string& address() const { return address_; }
  std::shared_ptr<grpc::Channel> Channel() const { return ConnectedChannel(address_); }

 private:
  static std::vector<std::string> Arguments(std::vector<std::string> flags) {
    std::vector<std::string> arguments = {
        MAGNET_FAKE_SERVER, "--models", BundleFolder(), "--listen", "127.0.0.1:0",
        "--metrics-listen", ""};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return arguments;
  }

  std::string address_;
};

CallResult Generate(const std::shared_ptr<grpc::Channel>& channel, double seconds) {
  const auto stub = v1::MusicService::NewStub(channel);
  grpc::ClientContext context;
  const auto reader = stub->Generate(&context, ServerHarness::Request(1, seconds));
  return ReadAll(context, *reader);
}

TEST(ServerProcessTest, SigtermWithSixInFlightFinishesThemRefusesTheNextAndExitsWith0) {
  ServerProcess server({"--max-running", "1", "--max-waiting", "5"});
  server.StopSteps();
  // One call more than there are places: its refusal proves that the six are in.
  std::atomic<int> finished = 0, refused = 0;
  absl::Notification full;
  std::vector<std::thread> calls;
  const auto call = [&] {
    const CallResult result = Generate(server.Channel(), 4);
    if (result.status.ok()) {
      ++finished;
    } else {
      EXPECT_EQ(result.reason, "QUEUE_FULL") << result.status.error_message();
      if (++refused == 1) full.Notify();
    }
  };
  const auto stub = v1::MusicService::NewStub(server.Channel());
  grpc::ClientContext first_context;
  const auto first = stub->Generate(&first_context, ServerHarness::Request(1, 4));
  v1::GenerateResponse started;
  ASSERT_TRUE(first->Read(&started));
  for (int i = 0; i < 6; ++i) calls.emplace_back(call);
  full.WaitForNotification();

  grpc::ClientContext watch_context;
  const auto health = grpc::health::v1::Health::NewStub(server.Channel());
  const auto watch = health->Watch(&watch_context, {});
  grpc::health::v1::HealthCheckResponse state;
  ASSERT_TRUE(watch->Read(&state));
  server.Kill(SIGTERM);
  ASSERT_TRUE(watch->Read(&state));
  EXPECT_EQ(state.status(), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  const CallResult late = Generate(server.Channel(), 4);
  EXPECT_EQ(late.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(late.reason, "DRAINING");

  server.CloseInput();
  for (std::thread& thread : calls) thread.join();
  EXPECT_TRUE(ReadAll(first_context, *first).status.ok());
  EXPECT_EQ(finished, 5);
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(server.Wait(), 0);
}

TEST(ServerProcessTest, SecondSignalStopsAtOnce) {
  ServerProcess server({});
  server.StopSteps();
  const auto stub = v1::MusicService::NewStub(server.Channel());
  grpc::ClientContext context;
  const auto reader = stub->Generate(&context, ServerHarness::Request(1, 4));
  v1::GenerateResponse started;
  ASSERT_TRUE(reader->Read(&started));
  server.Kill(SIGINT);
  server.AwaitLine("\"draining\"");
  server.Kill(SIGINT);
  EXPECT_EQ(server.Wait(), 1);
}

TEST(ServerProcessTest, SighupIsNotAnEnd) {
  ServerProcess server({});
  server.Kill(SIGHUP);
  server.AwaitLine("reloaded");
  EXPECT_TRUE(Generate(server.Channel(), 1).status.ok());
  server.Kill(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
}

TEST(ServerProcessTest, WrongConfigurationExitsWith2) {
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"--nonsense"}, {"--models", "/nonexistent"}, {}}) {
    std::vector<std::string> arguments = {MAGNET_FAKE_SERVER};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    Process server(arguments);
    server.AwaitLine("magnet-server: ");
    EXPECT_EQ(server.Wait(), 2);
  }
  Process check({MAGNET_FAKE_SERVER, "--models", BundleFolder(), "--check-config"});
  EXPECT_EQ(check.Wait(), 0);
}

// A client's machine may lose power: its place must be free at the next step.
TEST(VanishedClientTest, AKilledClientLeavesNoSlotTaken) {
  ServerHarness server([](ServerConfig& config) { config.max_running = 1; });
  server.control().CloseGate();
  Process client({MAGNET_FAKE_CLIENT, server.server().address()});
  ASSERT_EQ(client.ReadByte(), 'k');
  ASSERT_TRUE(server.control().AwaitStepCalls(1));
  client.Kill(SIGKILL);
  EXPECT_EQ(client.Wait(), -SIGKILL);
  ASSERT_TRUE(server.AwaitMetric("magnet_cancelled_total{phase=\"running\"}", 1));
  server.control().Permit(1);
  ASSERT_TRUE(server.log().AwaitRequests(1));
  EXPECT_EQ(server.control().step_calls(), 1);
  EXPECT_EQ(server.control().destroyed(), 1);
  server.control().OpenGate();
  EXPECT_TRUE(server.Generate(ServerHarness::Request(1, 1)).status.ok());
}

}  // namespace
}  // namespace magnet::testing
