#include <cuda_runtime.h>
#include <ucontext.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <vector>

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace magnet::cuda_emulation {

namespace {

constexpr int kWarpThreads = 32;
constexpr size_t kStackBytes = 128 << 10;

enum class State { kReady, kWaitsForWarp, kWaitsForBlock, kDone };

struct Copy {
  void* destination;
  const void* source;
  size_t bytes;
};

struct Thread {
  ucontext_t context;
  std::unique_ptr<char[]> stack = std::make_unique<char[]>(kStackBytes);
  State state = State::kReady;
  std::deque<std::vector<Copy>> groups;  // of copies, closed
  std::vector<Copy> open;
};

class Block {
 public:
  explicit Block(unsigned num_threads) : threads_(num_threads), lanes_(num_threads) {}

  void Run(const std::function<void()>& kernel, bool reverse_turns) {
    kernel_ = &kernel;
    reverse_turns_ = reverse_turns;
    for (Thread& thread : threads_) Start(thread);
    while (RunReadyThreads() || OpenBarriers()) {
    }
    for (const Thread& thread : threads_) {
      if (thread.state == State::kDone) continue;
      std::fprintf(stderr, "threads of an emulated block wait for each other in vain\n");
      std::abort();
    }
  }

  void Wait(State state) {
    Thread& thread = current();
    thread.state = state;
    swapcontext(&thread.context, &scheduler_);
  }

  Thread& current() { return threads_[threadIdx.x]; }
  unsigned char* lane_space(int lane) {
    return lanes_[threadIdx.x / kWarpThreads * kWarpThreads + static_cast<unsigned>(lane)].bytes;
  }

 private:
  struct Lane {
    unsigned char bytes[kLaneBytes];
  };

  static void Enter();

  void Start(Thread& thread) {
    thread.state = State::kReady;
    thread.groups.clear();
    thread.open.clear();
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.get();
    thread.context.uc_stack.ss_size = kStackBytes;
    thread.context.uc_link = &scheduler_;
    makecontext(&thread.context, &Block::Enter, 0);
  }

  bool RunReadyThreads() {
    bool any = false;
    for (size_t i = 0; i < threads_.size(); ++i) {
      const size_t turn = reverse_turns_ ? threads_.size() - 1 - i : i;
      if (threads_[turn].state != State::kReady) continue;
      any = true;
      threadIdx = dim3(static_cast<unsigned>(turn), 0, 0);
      swapcontext(&scheduler_, &threads_[turn].context);
    }
    return any;
  }

  // Frees the threads [first, end) where all that are not done wait in `state`.
  bool Open(size_t first, size_t end, State state) {
    bool any = false;
    for (size_t i = first; i < end; ++i) {
      if (threads_[i].state != state && threads_[i].state != State::kDone) return false;
      any |= threads_[i].state == state;
    }
    for (size_t i = first; i < end; ++i) {
      if (threads_[i].state == state) threads_[i].state = State::kReady;
    }
    return any;
  }

  bool OpenBarriers() {
    bool any = false;
    for (size_t first = 0; first < threads_.size(); first += kWarpThreads) {
      any |= Open(first, std::min(first + kWarpThreads, threads_.size()), State::kWaitsForWarp);
    }
    return any || Open(0, threads_.size(), State::kWaitsForBlock);
  }

  std::vector<Thread> threads_;
  std::vector<Lane> lanes_;
  ucontext_t scheduler_;
  const std::function<void()>* kernel_ = nullptr;
  bool reverse_turns_ = false;
};

Block* running = nullptr;

void Block::Enter() {
  (*running->kernel_)();
  running->current().state = State::kDone;
}

}  // namespace

void RunGrid(const dim3& grid, const dim3& block, const std::function<void()>& kernel) {
  Block threads(block.x);
  running = &threads;
  gridDim = grid;
  blockDim = block;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        blockIdx = dim3(x, y, z);
        threads.Run(kernel, /*reverse_turns=*/(x + y + z) % 2 == 1);
      }
    }
  }
  running = nullptr;
}

void WaitForBlock() { running->Wait(State::kWaitsForBlock); }
void WaitForWarp() { running->Wait(State::kWaitsForWarp); }
unsigned char* LaneSpace(int lane) { return running->lane_space(lane); }

void BeginCopy(void* destination, const void* source, size_t bytes) {
  running->current().open.push_back({destination, source, bytes});
}

void CloseGroup() {
  Thread& thread = running->current();
  thread.groups.push_back(std::move(thread.open));
  thread.open.clear();
}

void WaitForGroups(int groups_left) {
  Thread& thread = running->current();
  while (thread.groups.size() > static_cast<size_t>(groups_left)) {
    for (const Copy& copy : thread.groups.front()) {
      std::memcpy(copy.destination, copy.source, copy.bytes);
    }
    thread.groups.pop_front();
  }
}

}  // namespace magnet::cuda_emulation
