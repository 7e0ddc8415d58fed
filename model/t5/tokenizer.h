// Text to T5 token ids.
//
// Source: Hugging Face's T5Tokenizer (the Python one, `legacy` on), which is
// what the reference calls; ids are equal for every text.
#ifndef MAGNET_MODEL_T5_TOKENIZER_H_
#define MAGNET_MODEL_T5_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace magnet {

class SentencePieceBridge;

// A T5 vocabulary: the pieces of a SentencePiece model, then the 100 sentinels
// <extra_id_99> .. <extra_id_0> in rising order of id.
//
// Immutable; all methods may be called on any number of threads at once.
class T5Tokenizer {
 public:
  // From the bytes of a `spiece.model` file, which are not kept.
  // INVALID_ARGUMENT where they are no SentencePiece model, or one without the
  // pieces <pad>, </s> and <unk>.
  static absl::StatusOr<T5Tokenizer> FromSerialized(std::string_view spiece_model_bytes);

  T5Tokenizer(T5Tokenizer&&) noexcept;
  T5Tokenizer& operator=(T5Tokenizer&&) noexcept;
  ~T5Tokenizer();

  // The ids of `text`, ending in </s>; never truncated, never padded.
  //
  // The names of special tokens (<pad>, </s>, <unk>, <extra_id_0..99>) in the
  // text become their ids, each text between two of them is segmented by
  // itself, and a sentinel takes the white space around it away. A text that
  // ends in "</s>" gets no second one.
  //
  // Any bytes are accepted; those that are not UTF-8 become <unk>. INTERNAL
  // where the segmentation fails, which only a damaged vocabulary makes happen.
  absl::StatusOr<std::vector<int64_t>> Encode(std::string_view text) const;

  // The piece of each id, for people to read; spaces are U+2581. Ids out of
  // range read "<unk>".
  std::vector<std::string> Pieces(absl::Span<const int64_t> ids) const;

  // All ids are less than this. The embedding of a model may have more rows.
  int vocab_size() const;

 private:
  struct Segment;  // of a text: a special token or what lies between two

  explicit T5Tokenizer(std::unique_ptr<SentencePieceBridge> pieces);

  int SentinelId(int number) const;
  int SpecialTokenAt(std::string_view text, size_t* length) const;
  std::vector<Segment> Split(std::string_view text) const;

  std::unique_ptr<const SentencePieceBridge> pieces_;
  int pad_id_ = 0;
  int eos_id_ = 0;
  int unk_id_ = 0;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_T5_TOKENIZER_H_
