#include "model/t5/prompt_cache.h"

#include <iterator>

namespace magnet {

std::optional<torch::Tensor> PromptCache::Find(std::string_view text) {
  const auto found = by_text_.find(text);
  if (found == by_text_.end()) {
    ++misses_;
    return std::nullopt;
  }
  ++hits_;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->states;
}

void PromptCache::Insert(std::string_view text, const torch::Tensor& states) {
  if (const auto found = by_text_.find(text); found != by_text_.end()) Erase(found->second);
  const int64_t bytes = static_cast<int64_t>(text.size() + states.nbytes());
  if (limits_.max_entries <= 0 || bytes > limits_.max_bytes) return;
  while (size() >= limits_.max_entries || bytes_ + bytes > limits_.max_bytes) {
    Erase(std::prev(entries_.end()));
  }
  entries_.push_front({std::string(text), states, bytes});
  by_text_.emplace(entries_.front().text, entries_.begin());
  bytes_ += bytes;
}

void PromptCache::Erase(Entries::iterator entry) {
  bytes_ -= entry->bytes;
  by_text_.erase(entry->text);
  entries_.erase(entry);
}

}  // namespace magnet
