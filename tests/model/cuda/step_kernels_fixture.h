// What the tests of single kernels share: the kernels under test, their CPU twins, and
// arrays in the memory of both.
#ifndef MAGNET_TESTS_MODEL_CUDA_STEP_KERNELS_FIXTURE_H_
#define MAGNET_TESTS_MODEL_CUDA_STEP_KERNELS_FIXTURE_H_

#include <c10/util/Half.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "model/magnet/cpu_step_kernels.h"
#include "model/magnet/step_kernels.h"
#include "tests/model/cuda/kernels_under_test.h"

namespace magnet {

using Half = c10::Half;

// Of results in half from the same inputs, relative to the largest: what rounding
// them, and the probabilities of attention, to 11 bits gives.
inline constexpr float kHalfTolerance = 2e-3f;

// One array in both worlds: the device's, in half where it holds elements, and the
// CPU twin's with the same values.
template <typename T>
struct Array {
  T* device = nullptr;
  T* host = nullptr;
  std::vector<T> values;
};

struct Elements {
  Element* device = nullptr;
  Element* host = nullptr;
  std::vector<float> values;  // representable in half
};

class StepKernelsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    under_test_ = OpenKernelsUnderTest(why);
    if (under_test_ == nullptr) GTEST_SKIP() << "no GPU to compare with: " << why;
  }

  StepKernels& device() { return under_test_->kernels(); }

  std::vector<float> Random(size_t count, float scale = 1.0f) {
    std::normal_distribution<float> normal(0.0f, scale);
    std::vector<float> values(count);
    for (float& value : values) value = normal(random_);
    return values;
  }

  template <typename T>
  void Share(std::vector<T> values, Array<T>& array) {
    array.values = std::move(values);
    array.host = array.values.data();
    array.device = static_cast<T*>(Copy(array.host, array.values.size() * sizeof(T)));
  }

  void Share(std::vector<float> values, Elements& elements) {
    std::vector<Half> halves(values.begin(), values.end());
    elements.values.assign(halves.begin(), halves.end());
    elements.host = reinterpret_cast<Element*>(elements.values.data());
    elements.device = static_cast<Element*>(Copy(halves.data(), halves.size() * sizeof(Half)));
  }

  void* Copy(const void* source, size_t bytes) {
    void* const memory = under_test_->Allocate(std::max<size_t>(bytes, 16));
    device().Upload(memory, source, bytes);
    return memory;
  }

  std::vector<float> Read(const Element* elements, size_t count) {
    std::vector<Half> halves(count);
    device().Download(halves.data(), elements, count * sizeof(Half));
    return {halves.begin(), halves.end()};
  }

  template <typename T>
  std::vector<T> Read(const T* values, size_t count) {
    std::vector<T> read(count);
    device().Download(read.data(), values, count * sizeof(T));
    return read;
  }

  static void ExpectClose(const std::vector<float>& found, const float* wanted, float tolerance,
                          const std::string& what) {
    float largest = 0, furthest = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      largest = std::max(largest, std::abs(wanted[i]));
      const float difference = std::abs(found[i] - wanted[i]);
      furthest = difference <= furthest ? furthest : difference;  // keeps NaN
    }
    EXPECT_LE(furthest, tolerance * largest) << what;
  }
  static void ExpectClose(const std::vector<float>& found, const Element* wanted,
                          const std::string& what) {
    ExpectClose(found, reinterpret_cast<const float*>(wanted), kHalfTolerance, what);
  }

  std::mt19937 random_{7};
  CpuStepKernels cpu_;
  std::unique_ptr<KernelsUnderTest> under_test_;
};

}  // namespace magnet

#endif  // MAGNET_TESTS_MODEL_CUDA_STEP_KERNELS_FIXTURE_H_
