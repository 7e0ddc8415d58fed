#include "model/t5/sentencepiece_bridge.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include "sentencepiece_model.pb.h"
#include "sentencepiece_processor.h"

namespace magnet {
namespace {

// Whether no path through the trie of normalization rules leaves it: a damaged
// one makes SentencePiece, which does not look, read memory that is not its
// own. Layout: uint32 size of the trie in bytes, the units of a darts-clone
// double array in blocks of 256, the replacements. SentencePiece has checked
// the sizes.
bool NormalizationRulesAreClosed(std::string_view rules) {
  uint32_t trie_bytes = 0;
  if (rules.size() <= sizeof(trie_bytes)) return rules.empty();
  std::memcpy(&trie_bytes, rules.data(), sizeof(trie_bytes));
  const uint32_t num_units = trie_bytes / sizeof(uint32_t);
  for (uint32_t i = 0; i < num_units; ++i) {
    uint32_t unit = 0;
    std::memcpy(&unit, rules.data() + (i + 1) * sizeof(unit), sizeof(unit));
    const bool is_value = (unit >> 31) != 0;
    if (is_value && i > 0) continue;
    const uint32_t offset = (unit >> 10) << ((unit & (1U << 9)) >> 6);
    // The byte that is added to the child's index stays inside its block.
    if ((i ^ offset) >= num_units) return false;
  }
  return true;
}

}  // namespace

struct SentencePieceBridge::Model {
  sentencepiece::SentencePieceProcessor processor;
};

std::unique_ptr<SentencePieceBridge> SentencePieceBridge::Open(std::string_view model_bytes,
                                                               std::string* error) {
  auto model = std::make_unique<Model>();
  const auto status = model->processor.LoadFromSerializedProto(model_bytes);
  if (!status.ok()) {
    *error = status.ToString();
    return nullptr;
  }
  if (!NormalizationRulesAreClosed(
          model->processor.model_proto().normalizer_spec().precompiled_charsmap())) {
    *error = "the normalization rules point outside themselves";
    return nullptr;
  }
  return std::unique_ptr<SentencePieceBridge>(new SentencePieceBridge(std::move(model)));
}

SentencePieceBridge::SentencePieceBridge(std::unique_ptr<Model> model) : model_(std::move(model)) {}

SentencePieceBridge::~SentencePieceBridge() = default;

int SentencePieceBridge::num_pieces() const { return model_->processor.GetPieceSize(); }

int SentencePieceBridge::FindPiece(std::string_view name) const {
  const int id = model_->processor.PieceToId(name);
  return model_->processor.IdToPiece(id) == name ? id : -1;
}

std::string SentencePieceBridge::PieceName(int id) const { return model_->processor.IdToPiece(id); }

bool SentencePieceBridge::Encode(std::string_view text, std::vector<int>* ids,
                                 std::string* error) const {
  const auto status = model_->processor.Encode(text, ids);
  if (!status.ok()) *error = status.ToString();
  return status.ok();
}

}  // namespace magnet
