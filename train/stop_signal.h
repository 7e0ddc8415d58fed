// Ctrl-C and SIGTERM as a flag that a training loop looks at between steps.
#ifndef MAGNET_TRAIN_STOP_SIGNAL_H_
#define MAGNET_TRAIN_STOP_SIGNAL_H_

namespace magnet {

// While it lives, the first SIGINT or SIGTERM sets the flag; a second one ends
// the process at once, as if there were no handler. At most one at a time.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool requested() const;
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_STOP_SIGNAL_H_
