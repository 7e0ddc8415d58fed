// The states of the texts encoded last, so that a repeated prompt is not
// encoded again.
#ifndef MAGNET_MODEL_T5_PROMPT_CACHE_H_
#define MAGNET_MODEL_T5_PROMPT_CACHE_H_

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model/torch.h"

namespace magnet {

struct PromptCacheLimits {
  int max_entries = 256;                  // <= 0: nothing is kept
  int64_t max_bytes = int64_t{64} << 20;  // of texts and states together
};

// A least-recently-used cache from text to states.
//
// Owned and used by one thread (the model thread): no locking. Tensors are
// shared with the callers, who must not write to them.
class PromptCache {
 public:
  explicit PromptCache(const PromptCacheLimits& limits) : limits_(limits) {}

  // The states [S, d_model] kept for exactly this text, which becomes the most
  // recently used; none where it is not kept. Counts a hit or a miss.
  std::optional<torch::Tensor> Find(std::string_view text);

  // Keeps `states` [S, d_model], in place of what was kept for this text, and
  // drops the least recently used ones until the limits hold. An entry that
  // alone is above max_bytes is not kept.
  void Insert(std::string_view text, const torch::Tensor& states);

  int64_t hits() const { return hits_; }
  int64_t misses() const { return misses_; }
  int size() const { return static_cast<int>(entries_.size()); }
  int64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string text;
    torch::Tensor states;  // [S, d_model]
    int64_t bytes;
  };
  using Entries = std::list<Entry>;  // most recently used first

  void Erase(Entries::iterator entry);

  PromptCacheLimits limits_;
  Entries entries_;
  std::unordered_map<std::string_view, Entries::iterator> by_text_;  // keys view Entry::text
  int64_t bytes_ = 0;
  int64_t hits_ = 0;
  int64_t misses_ = 0;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_T5_PROMPT_CACHE_H_
