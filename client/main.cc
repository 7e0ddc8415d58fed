// magnet-client: what a person types to get music from a magnet-server.
#include <string>
#include <vector>

#include "client/client_program.h"
#include "client/environment.h"
#include "client/interrupt.h"

int main(int argc, char** argv) {
  // Lives as long as the process: signals may come until its end.
  static auto* const interrupt = new magnet::client::Interrupt;
  magnet::client::RaiseOnSignals(interrupt);
  magnet::client::SystemClock clock(interrupt);
  const magnet::client::Environment environment =
      magnet::client::ProcessEnvironment(&clock, interrupt);
  return magnet::client::RunClient(std::vector<std::string>(argv + 1, argv + argc), environment);
}
