// Attention of a head by each of the CPU's vectors, beside plain arithmetic. If one of these fails,
// CPUs of one kind play other music than the others.
#include "model/magnet/attention_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "model/cpu_features.h"

namespace magnet {
namespace {

struct NamedKernels {
  std::string name;
  const AttentionKernels* kernels;
};

std::vector<NamedKernels> AllOfThisCpu() {
  std::vector<NamedKernels> all;
  if (CpuHasAvx2()) all.push_back({"AVX2", Avx2AttentionKernels()});
  if (CpuHasAvx512()) all.push_back({"AVX-512", Avx512AttentionKernels()});
  return all;
}

// Queries, keys and values of one head among others: rows lie further apart than they are wide.
class Head {
 public:
  Head(int64_t num_queries, int64_t num_keys, int64_t width)
      : num_queries_(num_queries), num_keys_(num_keys), width_(width), stride_(width + 5) {
    std::mt19937 random(3);
    std::normal_distribution<float> normal(0, 3);
    for (auto* const rows : {&queries_, &keys_, &values_}) {
      rows->resize(std::max(num_queries, num_keys) * stride_);
      for (float& value : *rows) value = normal(random);
    }
    bias_.resize(num_keys);
    for (float& value : bias_) value = normal(random);
  }

  std::vector<float> AttendToAll(const AttentionKernels& kernels) const {
    std::vector<float> out(num_queries_ * width_, NAN),
        scratch(AttendToAllScratch(num_keys_, width_), NAN);
    kernels.attend_to_all({.queries = queries_.data(),
                           .keys = keys_.data(),
                           .values = values_.data(),
                           .out = out.data(),
                           .query_stride = stride_,
                           .key_stride = stride_,
                           .value_stride = stride_,
                           .out_stride = width_,
                           .num_queries = num_queries_,
                           .num_keys = num_keys_,
                           .width = width_},
                          scratch.data());
    return out;
  }

  AttendedKeys Range(int64_t first, int64_t end) const {
    return {.keys = keys_.data(),
            .values = values_.data(),
            .score_bias = bias_.data(),
            .first = first,
            .end = end,
            .key_stride = stride_,
            .value_stride = stride_};
  }

  std::vector<float> AttendToRange(const AttentionKernels& kernels, int64_t first,
                                   int64_t end) const {
    std::vector<float> out(width_, NAN), scores(PaddedKeys(end - first), NAN);
    kernels.attend_to_range(queries_.data(), Range(first, end), width_, scores.data(), out.data());
    return out;
  }

  // By the definition, in double precision.
  std::vector<double> Exact(int64_t query, int64_t first, int64_t end, bool biased) const {
    std::vector<double> out(width_);
    double total = 0;
    for (int64_t n = first; n < end; ++n) {
      double score = 0;
      for (int64_t i = 0; i < width_; ++i) {
        score += double{queries_[query * stride_ + i]} * double{keys_[n * stride_ + i]};
      }
      const double weight =
          std::exp(score / std::sqrt(static_cast<double>(width_)) + (biased ? bias_[n] : 0));
      total += weight;
      for (int64_t i = 0; i < width_; ++i) out[i] += weight * values_[n * stride_ + i];
    }
    for (double& value : out) value /= total;
    return out;
  }

 private:
  const int64_t num_queries_, num_keys_, width_, stride_;
  std::vector<float> queries_, keys_, values_, bias_;
};

// Breaks where a row, a block of keys or a part of the width is left out, or keys that only fill
// up a block are attended to.
TEST(AttentionKernels, AllKeysByTheDefinition) {
  for (const int64_t width : {16, 32, 48, 64}) {
    for (const int64_t num_keys : {1, 15, 40, 50, 64, 130}) {
      const int64_t num_queries = num_keys % 13 + 1;
      const Head head(num_queries, num_keys, width);
      for (const auto& [name, kernels] : AllOfThisCpu()) {
        const std::vector<float> found = head.AttendToAll(*kernels);
        for (int64_t i = 0; i < num_queries * width; ++i) {
          ASSERT_NEAR(found[i], head.Exact(i / width, 0, num_keys, false)[i % width], 1e-4)
              << name << ' ' << width << ' ' << num_keys << ' ' << i;
        }
      }
    }
  }
}

TEST(AttentionKernels, ARangeOfKeysByTheDefinition) {
  for (const int64_t width : {16, 32, 48, 64}) {
    const Head head(1, 40, width);
    for (const auto& [first, end] : {std::pair{0, 1}, {0, 11}, {3, 14}, {7, 40}}) {
      const std::vector<double> exact = head.Exact(0, first, end, true);
      for (const auto& [name, kernels] : AllOfThisCpu()) {
        const std::vector<float> found = head.AttendToRange(*kernels, first, end);
        for (int64_t i = 0; i < width; ++i) {
          ASSERT_NEAR(found[i], exact[i], 1e-4) << name << ' ' << width << ' ' << first << ' ' << i;
        }
      }
    }
  }
}

// Breaks where the CPU's vectors mean something else by a bias or a range than the plain loops.
TEST(AttentionKernels, ARangeOfKeysAsByPlainLoops) {
  const Head head(1, 40, 64);
  const std::vector<float> query = std::vector<float>(64, 0.25f);
  for (const auto& [name, kernels] : AllOfThisCpu()) {
    std::vector<float> plain(64), found(64), work, scores(PaddedKeys(11));
    AttendRow(query.data(), head.Range(20, 31), 64, work, plain.data());
    kernels->attend_to_range(query.data(), head.Range(20, 31), 64, scores.data(), found.data());
    for (int64_t i = 0; i < 64; ++i) EXPECT_NEAR(found[i], plain[i], 1e-4) << name << ' ' << i;
  }
}

}  // namespace
}  // namespace magnet
