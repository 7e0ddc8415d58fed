// If it fails, every large tensor begins with page faults.
#include "model/heap.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <thread>

namespace magnet {
namespace {

constexpr size_t kBlockBytes = 48 << 20;  // the first layers of a codec have such tensors
constexpr long kBlockPages = kBlockBytes / 4096;

// Page faults of this thread while it makes, fills and frees a block, again and again.
long FaultsOfTenBlocks() {
  const auto faults = [] {
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_minflt;
  };
  const long before = faults();
  for (int i = 0; i < 10; ++i) {
    const auto block = std::make_unique_for_overwrite<char[]>(kBlockBytes);
    std::memset(block.get(), i, kBlockBytes);
    volatile char* const seen = block.get();
    EXPECT_EQ(seen[kBlockBytes - 1], i);
  }
  return faults() - before;
}

TEST(HeapTest, FreedMemoryIsThereForTheNext) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizers have heaps of their own";
#endif
  KeepFreedMemory();
  EXPECT_LT(FaultsOfTenBlocks(), 2 * kBlockPages);
  long in_a_thread = 0;
  std::thread([&] { in_a_thread = FaultsOfTenBlocks(); }).join();
  EXPECT_LT(in_a_thread, 2 * kBlockPages);
}

}  // namespace
}  // namespace magnet
