#include "model/heap.h"

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace magnet {

void KeepFreedMemory() {
#ifdef __GLIBC__
  constexpr int kKeptBytes = 512 << 20;
  // Blocks from here on are mapped by themselves, and unmapped when they are freed.
  constexpr int kOwnBlockBytes = 1 << 30;
  constexpr int kOldMostBytes = 32 << 20;  // what older versions take
  if (mallopt(M_MMAP_THRESHOLD, kOwnBlockBytes) == 0) mallopt(M_MMAP_THRESHOLD, kOldMostBytes);
  mallopt(M_TRIM_THRESHOLD, kKeptBytes);
  // A thread's own heap could not hold such blocks.
  mallopt(M_ARENA_MAX, 1);
#endif
}

}  // namespace magnet
