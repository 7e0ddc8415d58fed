// From logits to tokens: guidance, temperature, softmax, top-p or top-k and the
// draw in one kernel, a block a row; RowSampler (model/magnet/sampler.h) in
// parallel. Sums that decide are in double, as there.
#include <cuda_runtime.h>

#include <stdexcept>

#include "model/cuda/block_reduce.cuh"
#include "model/cuda/kernel_launches.h"
#include "model/cuda/launch.cuh"
#include "model/magnet/philox.h"

namespace magnet {
namespace {

constexpr int kSampleThreads = 256;
constexpr int kMaxCard = 4096;
constexpr uint32_t kMaxTries = 1024;
constexpr uint32_t kWholeShare = 0xffffffffu;
static_assert(kMaxCard / kSampleThreads <= 32, "a bit for each token of a thread's share");

// What a block shares.
struct RowSpace {
  float probs[kMaxCard];  // first the logits
  double sums[kSampleThreads];
  unsigned long long keys[kSampleThreads];
  double cumulated[kSampleThreads];  // mass of the thread's kept tokens and those before
  int token;
};

__device__ double Sum(double value, RowSpace& space) {
  return BlockReduce<kSampleThreads>(value, space.sums, [](double a, double b) { return a + b; });
}

// Floats as integers of the same order.
__device__ uint32_t Ordered(float value) {
  const uint32_t bits = __float_as_uint(value);
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}

// What the token before says of each token, or null.
__device__ const float* After(const SampleArgs& args, const Draw& draw, uint32_t stage) {
  const int token = draw.before < 0 ? -1 : args.tokens[draw.before].token;
  if (token < 0) return nullptr;
  return args.neighbours + (int64_t{stage} * args.card + token) * args.card;
}

// Guided logits into `probs`; the index of the first of the largest, or -1 where
// one is not finite.
__device__ int GuideLogits(const SampleArgs& args, const Draw& draw, const RowSampling& sampling,
                           const float* after, RowSpace& space) {
  const auto guidance = static_cast<float>(sampling.guidance);
  const auto weight = static_cast<float>(sampling.neighbour_weight);
  const float* const cond = args.logits + int64_t{draw.cond_row} * args.card;
  const float* const uncond =
      draw.uncond_row < 0 ? nullptr : args.logits + int64_t{draw.uncond_row} * args.card;
  unsigned long long best = 0;
  bool finite = true;
  for (int i = threadIdx.x; i < args.card; i += kSampleThreads) {
    float logit = uncond == nullptr ? cond[i] : uncond[i] + (cond[i] - uncond[i]) * guidance;
    if (after != nullptr) logit += weight * after[i];
    space.probs[i] = logit;
    finite = finite && isfinite(logit);
    const unsigned long long key =
        static_cast<unsigned long long>(Ordered(logit)) << 32 | (0xffffffffu - i);
    best = key > best ? key : best;
  }
  const auto larger = [](unsigned long long a, unsigned long long b) { return a > b ? a : b; };
  best = BlockReduce<kSampleThreads>(finite ? best : ~0ull, space.keys, larger);
  return best == ~0ull ? -1 : static_cast<int>(0xffffffffu - static_cast<uint32_t>(best));
}

__device__ void Softmax(int card, float temperature, int argmax, RowSpace& space) {
  const float largest = space.probs[argmax] / temperature;
  __syncthreads();
  double mine = 0;
  for (int i = threadIdx.x; i < card; i += kSampleThreads) {
    space.probs[i] = expf(space.probs[i] / temperature - largest);
    mine += space.probs[i];
  }
  const auto total = static_cast<float>(Sum(mine, space));
  for (int i = threadIdx.x; i < card; i += kSampleThreads) space.probs[i] /= total;
  __syncthreads();
}

// The k-th largest probability, bit by bit from the highest: non-negative floats
// are ordered as their bits are.
__device__ void KeepTopK(int card, int k, RowSpace& space) {
  uint32_t smallest = 0;
  for (int bit = 31; bit >= 0; --bit) {
    const uint32_t candidate = smallest | 1u << bit;
    int count = 0;
    for (int i = threadIdx.x; i < card; i += kSampleThreads) {
      count += __float_as_uint(space.probs[i]) >= candidate;
    }
    if (Sum(count, space) >= k) smallest = candidate;
  }
  double mine = 0;
  for (int i = threadIdx.x; i < card; i += kSampleThreads) {
    if (__float_as_uint(space.probs[i]) < smallest) space.probs[i] = 0;
    mine += space.probs[i];
  }
  const auto total = static_cast<float>(Sum(mine, space));
  for (int i = threadIdx.x; i < card; i += kSampleThreads) space.probs[i] /= total;
  __syncthreads();
}

// Tokens [begin, end) are the thread's where their order counts. Of them those are
// kept whose bit, from the lowest, is set.
struct Share {
  int begin, end;

  __device__ bool Keeps(uint32_t kept, int token) const { return kept >> (token - begin) & 1; }
};

__device__ Share ShareOfThread(int card) {
  const int count = (card + kSampleThreads - 1) / kSampleThreads;
  const int begin = min(static_cast<int>(threadIdx.x) * count, card);
  return {begin, min(begin + count, card)};
}

__device__ void Cumulate(int card, uint32_t kept, RowSpace& space) {
  const Share share = ShareOfThread(card);
  double mine = 0;
  for (int i = share.begin; i < share.end; ++i) {
    if (share.Keeps(kept, i)) mine += space.probs[i];
  }
  BlockInclusiveScan<kSampleThreads>(mine, space.cumulated);
}

// The kept token into whose share of the cumulated mass `uniform` falls.
__device__ int DrawFrom(int card, uint32_t kept, double uniform, RowSpace& space) {
  const double target = uniform * space.cumulated[kSampleThreads - 1];
  const double before = threadIdx.x == 0 ? 0.0 : space.cumulated[threadIdx.x - 1];
  if (before <= target && target < space.cumulated[threadIdx.x]) {
    const Share share = ShareOfThread(card);
    double left = target - before;
    for (int i = share.begin; i < share.end; ++i) {
      if (space.probs[i] <= 0 || !share.Keeps(kept, i)) continue;
      space.token = i;
      left -= space.probs[i];
      if (left < 0) break;
    }
  }
  __syncthreads();
  const int token = space.token;
  __syncthreads();
  return token;
}

__device__ bool InNucleus(int card, int token, double top_p, RowSpace& space) {
  const float mine = space.probs[token];
  double before = 0;
  for (int i = threadIdx.x; i < card; i += kSampleThreads) {
    const float p = space.probs[i];
    if (p > mine || (p == mine && i < token)) before += p;
  }
  return Sum(before, space) <= top_p;
}

// The thread's tokens that are in the nucleus.
__device__ uint32_t NucleusOfShare(int card, double top_p, const RowSpace& space) {
  const Share share = ShareOfThread(card);
  uint32_t kept = 0;
  for (int token = share.begin; token < share.end; ++token) {
    const float mine = space.probs[token];
    double before = 0;
    for (int i = 0; i < card; ++i) {
      const float p = space.probs[i];
      if (p > mine || (p == mine && i < token)) before += p;
    }
    if (before <= top_p) kept |= 1u << (token - share.begin);
  }
  return kept;
}

__device__ int DrawToken(const SampleArgs& args, const RowSampling& sampling,
                         const DrawPosition& position, int argmax, RowSpace& space) {
  if (sampling.greedy) return argmax;
  const bool nucleus = sampling.top_p > 0;
  if (!nucleus && sampling.top_k > 0) KeepTopK(args.card, min(sampling.top_k, args.card), space);
  Cumulate(args.card, kWholeShare, space);
  for (uint32_t draw = 0; draw < kMaxTries; ++draw) {
    const double uniform = UniformAt(sampling.seed, position, draw);
    const int token = DrawFrom(args.card, kWholeShare, uniform, space);
    if (!nucleus || InNucleus(args.card, token, sampling.top_p, space)) return token;
  }
  const uint32_t kept = NucleusOfShare(args.card, sampling.top_p, space);
  Cumulate(args.card, kept, space);
  return DrawFrom(args.card, kept, UniformAt(sampling.seed, position, kMaxTries), space);
}

__global__ void SampleRow(SampleArgs args) {
  __shared__ RowSpace space;
  const Draw draw = args.draws[blockIdx.x];
  if (draw.round != args.round) return;
  const DrawSettings& settings = args.settings[draw.settings];
  const RowSampling sampling = settings.sampling;
  DrawPosition position = settings.position;
  position.frame = draw.frame;
  const int argmax = GuideLogits(args, draw, sampling, After(args, draw, position.stage), space);
  SampledToken drawn = {/*token=*/-1, /*probability=*/0};
  if (argmax >= 0) {
    Softmax(args.card, static_cast<float>(sampling.temperature), argmax, space);
    drawn.token = DrawToken(args, sampling, position, argmax, space);
    drawn.probability = space.probs[drawn.token];
  }
  if (threadIdx.x == 0) args.tokens[blockIdx.x] = drawn;
}

}  // namespace

void LaunchSample(const SampleArgs& args, cudaStream_t stream) {
  if (args.card > kMaxCard)
    throw std::invalid_argument("sampling: expected a card of at most 4096");
  Launch(SampleRow, dim3(static_cast<unsigned>(args.num_draws)), kSampleThreads, stream, args,
         "sampling");
}

}  // namespace magnet
