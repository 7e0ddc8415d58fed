// magnet-server with a fake engine, for tests that need a process. Standard input
// says what its steps do: "c" stops them, which "k" on standard output confirms,
// and the end of input sets them free.
#include <unistd.h>

#include <thread>

#include "server/server_program.h"
#include "tests/testing/fake_generator.h"

namespace {

void FollowInput(magnet::testing::FakeControl& control) {
  char byte;
  while (read(STDIN_FILENO, &byte, 1) == 1) {
    control.CloseGate();
    if (write(STDOUT_FILENO, "k", 1) != 1) break;
  }
  control.OpenGate();
}

}  // namespace

int main(int argc, char** argv) {
  const auto control = std::make_shared<magnet::testing::FakeControl>();
  return magnet::RunServerProgram({argv + 1, argv + argc},
                                  [&](const std::string&, const magnet::ServerConfig&) {
                                    // Not earlier: the signals must be blocked before there is
                                    // another thread.
                                    std::thread([control] { FollowInput(*control); }).detach();
                                    return absl::StatusOr<std::unique_ptr<magnet::Generator>>(
                                        magnet::testing::MakeFakeGenerator("fake", control));
                                  });
}
