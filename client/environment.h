// What surrounds one run of the program, so that tests can put it in place.
#ifndef MAGNET_CLIENT_ENVIRONMENT_H_
#define MAGNET_CLIENT_ENVIRONMENT_H_

#include <functional>
#include <istream>
#include <ostream>
#include <string>

#include "absl/time/clock.h"
#include "client/interrupt.h"
#include "client/retry_policy.h"

namespace magnet::client {

// The screen behind stderr.
struct Terminal {
  bool is_terminal = false;
  bool color = false;
  bool unicode = false;
  // Columns now; the window may change while a clip is made.
  std::function<int()> width = [] { return 80; };
};

// Not owned; all must outlive the run.
struct Environment {
  std::istream* in = nullptr;
  std::ostream* out = nullptr;
  std::ostream* err = nullptr;
  Terminal terminal;
  int help_width = 80;           // columns of stdout
  bool out_is_terminal = false;  // audio is not written to a screen
  Clock* clock = nullptr;
  Interrupt* interrupt = nullptr;
  // Value of an environment variable, or nullptr.
  std::function<const char*(const char*)> getenv;

  // "" when not set.
  std::string Variable(const char* name) const;
};

// The real clock; sleeping ends when `interrupt` is raised.
class SystemClock final : public Clock {
 public:
  explicit SystemClock(Interrupt* interrupt) : interrupt_(interrupt) {}
  absl::Time Now() const override { return absl::Now(); }
  bool Sleep(absl::Duration duration) override { return interrupt_->WaitFor(duration); }

 private:
  Interrupt* const interrupt_;
};

// The process's own streams, screen and variables. Colour: where stderr is a
// terminal, NO_COLOR is not set and TERM is not "dumb"; Unicode: where the
// locale is UTF-8.
Environment ProcessEnvironment(Clock* clock, Interrupt* interrupt);

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_ENVIRONMENT_H_
