// Random numbers that are the same everywhere.
#ifndef MAGNET_TRAIN_RANDOM_H_
#define MAGNET_TRAIN_RANDOM_H_

#include <cstdint>
#include <string_view>

namespace magnet {

// Random numbers that are the same on every machine and standard library:
// SplitMix64 with our own distributions. Not for cryptography. Not thread-safe;
// copy or fork it instead.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  // An independent stream named `label`. Forking draws nothing from this one,
  // so that a new use of randomness leaves all older ones as they were.
  Random Fork(std::string_view label) const;

  uint64_t Next();
  // Uniform in [0, 1).
  double Uniform();
  // Uniform in [low, high].
  double Uniform(double low, double high);
  // Uniform over low..high, both included. Requires low <= high.
  int Integer(int low, int high);
  // True with this probability.
  bool Chance(double probability);
  // Bell-shaped (a sum of four uniforms) with mean 0 and deviation 1, within +-3.5.
  double Bell();

  // One element of a container that is not empty.
  template <typename Container>
  const auto& Pick(const Container& items) {
    return items[static_cast<size_t>(Integer(0, static_cast<int>(items.size()) - 1))];
  }

 private:
  uint64_t state_;
};

}  // namespace magnet

#endif  // MAGNET_TRAIN_RANDOM_H_
