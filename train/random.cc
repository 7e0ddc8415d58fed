#include "train/random.h"

#include <cmath>

namespace magnet {
namespace {

uint64_t Mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

}  // namespace

Random Random::Fork(std::string_view label) const {
  uint64_t hash = Mix(state_ + 0x51ED2701A3C5B9E7ull);
  for (const char c : label) hash = Mix(hash ^ static_cast<unsigned char>(c));
  return Random(hash);
}

uint64_t Random::Next() { return Mix(state_ += 0x9E3779B97F4A7C15ull); }

double Random::Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

double Random::Uniform(double low, double high) { return low + (high - low) * Uniform(); }

int Random::Integer(int low, int high) {
  return low + static_cast<int>(Uniform() * (static_cast<double>(high) - low + 1));
}

bool Random::Chance(double probability) { return Uniform() < probability; }

double Random::Bell() {
  const double sum = Uniform() + Uniform() + Uniform() + Uniform();
  return (sum - 2) * std::sqrt(3.0);
}

}  // namespace magnet
