// Runs command lines of the client against the fake server.
#ifndef MAGNET_TESTS_CLIENT_CLIENT_FIXTURE_H_
#define MAGNET_TESTS_CLIENT_CLIENT_FIXTURE_H_

#include <gtest/gtest.h>
#include <signal.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "client/client_program.h"
#include "client/exit_code.h"
#include "tests/client/fake_clock.h"
#include "tests/client/fake_music_service.h"
#include "tests/client/temporary_folder.h"

namespace magnet::client {

class ClientFixture : public ::testing::Test {
 protected:
  ClientFixture() {
    signal(SIGPIPE, SIG_IGN);
    variables = {{"MAGNET_SERVER", server.address()}};
  }

  // The exit code; what was printed is in `out` and `err`.
  int Run(const std::vector<std::string>& arguments) { return Run(arguments, &clock); }

  int Run(const std::vector<std::string>& arguments, Clock* with_clock) {
    out.str("");
    err.str("");
    Environment environment;
    environment.in = &in;
    environment.out = &out;
    environment.err = &err;
    environment.terminal = terminal;
    environment.clock = with_clock;
    environment.interrupt = &interrupt;
    environment.getenv = [this](const char* name) -> const char* {
      const auto found = variables.find(name);
      return found == variables.end() ? nullptr : found->second.c_str();
    };
    return RunClient(arguments, environment);
  }

  FakeMusicService server;
  TemporaryFolder folder;
  FakeClock clock;
  Interrupt interrupt;
  Terminal terminal;
  std::map<std::string, std::string> variables;
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
};

}  // namespace magnet::client

#endif  // MAGNET_TESTS_CLIENT_CLIENT_FIXTURE_H_
