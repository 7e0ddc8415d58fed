// Damages bytes in the ways that break parsers.
#ifndef MAGNET_TESTS_TESTING_MUTATION_H_
#define MAGNET_TESTS_TESTING_MUTATION_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"

namespace magnet::testing {

// MAGNET_MUTATIONS, or `fallback` where it is not set.
inline int NumMutations(int fallback) {
  const char* text = std::getenv("MAGNET_MUTATIONS");
  int count = fallback;
  if (text != nullptr && (!absl::SimpleAtoi(text, &count) || count < 1)) {
    ADD_FAILURE() << "MAGNET_MUTATIONS is no number: " << text;
  }
  return count;
}

struct MutatorOptions {
  // Bytes that mean something to the format, or stand for a border.
  std::string_view special{"\x00\x01\x7f\x80\xff", 5};
  // Two of three damages fall into this many leading bytes, where a header lies; 0: anywhere.
  size_t header_bytes = 0;
};

// The same seed damages in the same way.
class Mutator {
 public:
  explicit Mutator(uint32_t seed, MutatorOptions options = {}) : options_(options), random_(seed) {}

  // A number below `limit`.
  size_t Below(size_t limit) { return random_() % limit; }

  // One of `corpus` with one to four damages.
  std::string Mutate(const std::vector<std::string>& corpus) {
    std::string bytes = corpus[Below(corpus.size())];
    for (size_t left = 1 + Below(4); left > 0; --left) {
      Damage(corpus[Below(corpus.size())], bytes);
    }
    return bytes;
  }

 private:
  void Damage(const std::string& other, std::string& bytes) {
    const size_t at = Below(Reach(bytes) + 1);
    const size_t length = std::min(bytes.size() - at, 1 + Below(16));
    switch (Below(7)) {
      case 0:  // a flipped bit
        if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << Below(8)));
        return;
      case 1:  // up to four: a whole length or offset
        std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                    std::min(bytes.size() - at, 1 + Below(4)),
                    options_.special[Below(options_.special.size())]);
        return;
      case 2:
        bytes.erase(at, length);
        return;
      case 3:
        bytes.insert(at, bytes.substr(at, length));
        return;
      case 4:
        for (size_t left = length; left > 0; --left) {
          bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                       static_cast<char>(Below(256)));
        }
        return;
      case 5:  // the rest of another
        bytes = bytes.substr(0, at) + other.substr(Below(other.size() + 1));
        return;
      default:
        if (Below(4) == 0) bytes.resize(at);
    }
  }

  size_t Reach(const std::string& bytes) {
    const bool in_header = options_.header_bytes > 0 && Below(3) > 0;
    return in_header ? std::min(bytes.size(), options_.header_bytes) : bytes.size();
  }

  const MutatorOptions options_;
  std::mt19937 random_;
};

}  // namespace magnet::testing

#endif  // MAGNET_TESTS_TESTING_MUTATION_H_
