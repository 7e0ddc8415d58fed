// Tells the thread sanitizer what Abseil's mutexes order.
//
// The distribution's Abseil is built without the sanitizer, so that the atomic
// operations of its mutexes are invisible and everything that they guard looks
// like a race. The linker's --wrap sends our calls through here first
// (CMakeLists.txt lists them). Between each pair of annotations accesses are not
// looked at: a mutex evaluates the conditions of waiting threads while it is
// being taken or given back, in whatever thread it likes.
// (sanitizer/tsan_interface.h; Abseil makes the same calls when built with it)
#include <sanitizer/tsan_interface.h>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#define MAGNET_CONCAT(a, b) a##b
#define MAGNET_REAL(name) MAGNET_CONCAT(__real__ZN4absl7debian35Mutex, name)
#define MAGNET_WRAP(name) MAGNET_CONCAT(__wrap__ZN4absl7debian35Mutex, name)

extern "C" {

void MAGNET_REAL(4LockEv)(absl::Mutex* mutex);
void MAGNET_REAL(6UnlockEv)(absl::Mutex* mutex);
bool MAGNET_REAL(7TryLockEv)(absl::Mutex* mutex);
void MAGNET_REAL(10ReaderLockEv)(absl::Mutex* mutex);
void MAGNET_REAL(12ReaderUnlockEv)(absl::Mutex* mutex);
void MAGNET_REAL(5AwaitERKNS0_9ConditionE)(absl::Mutex* mutex, const absl::Condition& condition);
bool MAGNET_REAL(16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE)(
    absl::Mutex* mutex, const absl::Condition& condition, absl::Duration timeout);
bool MAGNET_REAL(17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE)(absl::Mutex* mutex,
                                                                  const absl::Condition& condition,
                                                                  absl::Time deadline);
void MAGNET_REAL(D1Ev)(absl::Mutex* mutex);

void MAGNET_WRAP(4LockEv)(absl::Mutex* mutex) {
  __tsan_mutex_pre_lock(mutex, 0);
  MAGNET_REAL(4LockEv)(mutex);
  __tsan_mutex_post_lock(mutex, 0, /*recursion=*/0);
}

void MAGNET_WRAP(6UnlockEv)(absl::Mutex* mutex) {
  __tsan_mutex_pre_unlock(mutex, 0);
  MAGNET_REAL(6UnlockEv)(mutex);
  __tsan_mutex_post_unlock(mutex, 0);
}

bool MAGNET_WRAP(7TryLockEv)(absl::Mutex* mutex) {
  __tsan_mutex_pre_lock(mutex, __tsan_mutex_try_lock);
  const bool locked = MAGNET_REAL(7TryLockEv)(mutex);
  const unsigned failed = locked ? 0 : __tsan_mutex_try_lock_failed;
  __tsan_mutex_post_lock(mutex, __tsan_mutex_try_lock | failed, /*recursion=*/0);
  return locked;
}

void MAGNET_WRAP(10ReaderLockEv)(absl::Mutex* mutex) {
  __tsan_mutex_pre_lock(mutex, __tsan_mutex_read_lock);
  MAGNET_REAL(10ReaderLockEv)(mutex);
  __tsan_mutex_post_lock(mutex, __tsan_mutex_read_lock, /*recursion=*/0);
}

void MAGNET_WRAP(12ReaderUnlockEv)(absl::Mutex* mutex) {
  __tsan_mutex_pre_unlock(mutex, __tsan_mutex_read_lock);
  MAGNET_REAL(12ReaderUnlockEv)(mutex);
  __tsan_mutex_post_unlock(mutex, __tsan_mutex_read_lock);
}

void MAGNET_WRAP(5AwaitERKNS0_9ConditionE)(absl::Mutex* mutex, const absl::Condition& condition) {
  __tsan_mutex_pre_unlock(mutex, 0);
  __tsan_mutex_post_unlock(mutex, 0);
  __tsan_mutex_pre_lock(mutex, 0);
  MAGNET_REAL(5AwaitERKNS0_9ConditionE)(mutex, condition);
  __tsan_mutex_post_lock(mutex, 0, /*recursion=*/0);
}

bool MAGNET_WRAP(16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE)(
    absl::Mutex* mutex, const absl::Condition& condition, absl::Duration timeout) {
  __tsan_mutex_pre_unlock(mutex, 0);
  __tsan_mutex_post_unlock(mutex, 0);
  __tsan_mutex_pre_lock(mutex, 0);
  const bool holds =
      MAGNET_REAL(16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE)(mutex, condition, timeout);
  __tsan_mutex_post_lock(mutex, 0, /*recursion=*/0);
  return holds;
}

bool MAGNET_WRAP(17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE)(absl::Mutex* mutex,
                                                                  const absl::Condition& condition,
                                                                  absl::Time deadline) {
  __tsan_mutex_pre_unlock(mutex, 0);
  __tsan_mutex_post_unlock(mutex, 0);
  __tsan_mutex_pre_lock(mutex, 0);
  const bool holds =
      MAGNET_REAL(17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE)(mutex, condition, deadline);
  __tsan_mutex_post_lock(mutex, 0, /*recursion=*/0);
  return holds;
}

void MAGNET_WRAP(D1Ev)(absl::Mutex* mutex) {
  MAGNET_REAL(D1Ev)(mutex);
  __tsan_mutex_destroy(mutex, __tsan_mutex_not_static);
}

}  // extern "C"
