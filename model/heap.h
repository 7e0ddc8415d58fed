// The memory that tensors leave and take again.
#ifndef MAGNET_MODEL_HEAP_H_
#define MAGNET_MODEL_HEAP_H_

namespace magnet {

// Lets the process keep what tensors free. glibc by itself hands large blocks back to the
// system at once, and each tensor made afterwards begins with page faults: a third of the
// time of encoding audio (train's `encode`, measured). The process stays
// about as large as its largest moment; what is free at the heap's end beyond 512 MiB goes
// back. Call it first thing in main, before there are threads.
// Does nothing with other C libraries.
void KeepFreedMemory();

}  // namespace magnet

#endif  // MAGNET_MODEL_HEAP_H_
