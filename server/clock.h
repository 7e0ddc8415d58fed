// Time, handed in so that tests decide what it is.
#ifndef MAGNET_SERVER_CLOCK_H_
#define MAGNET_SERVER_CLOCK_H_

#include "absl/time/time.h"

namespace magnet {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;

  // The machine's clock; lives for ever.
  static const Clock& Real();
};

}  // namespace magnet

#endif  // MAGNET_SERVER_CLOCK_H_
