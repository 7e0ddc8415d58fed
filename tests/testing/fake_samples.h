// What a clip of the fake engine must sound like.
#ifndef MAGNET_TESTS_TESTING_FAKE_SAMPLES_H_
#define MAGNET_TESTS_TESTING_FAKE_SAMPLES_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "tests/testing/fake_generator.h"

namespace magnet::testing {

// `samples` are a clip's of that seed, from its beginning.
inline void ExpectFakeSamples(const std::vector<float>& samples, uint64_t seed) {
  for (size_t i = 0; i < samples.size(); ++i) {
    ASSERT_EQ(samples[i], FakeSample(seed, static_cast<int64_t>(i))) << "at sample " << i;
  }
}

}  // namespace magnet::testing

#endif  // MAGNET_TESTS_TESTING_FAKE_SAMPLES_H_
