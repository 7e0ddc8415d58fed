// SentencePiece behind types of the standard library.
//
// Its header declares names inside namespace absl that clash with Abseil's, so
// no file may include both: sentencepiece_bridge.cc includes SentencePiece's,
// everybody else this header. Only T5Tokenizer should need it.
#ifndef MAGNET_MODEL_T5_SENTENCEPIECE_BRIDGE_H_
#define MAGNET_MODEL_T5_SENTENCEPIECE_BRIDGE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace magnet {

// A loaded SentencePiece model. Immutable; all methods may be called on any
// number of threads at once. Errors are sentences of SentencePiece's own.
class SentencePieceBridge {
 public:
  // Parses the bytes of a `.model` file; null with `*error` set when they are
  // none, or hold a model that cannot be used. Keeps no reference to the bytes.
  static std::unique_ptr<SentencePieceBridge> Open(std::string_view model_bytes,
                                                   std::string* error);
  ~SentencePieceBridge();

  // Pieces of the model; ids are [0, num_pieces()).
  int num_pieces() const;

  // The id of a piece by its exact name, or -1: unlike SentencePiece, which
  // answers with the id of <unk>.
  int FindPiece(std::string_view name) const;

  // The name of piece `id`, which must be in range. Spaces are U+2581.
  std::string PieceName(int id) const;

  // Normalizes and segments `text` (any bytes; those that are not UTF-8
  // become the unknown piece). False with `*error` set when SentencePiece
  // fails.
  bool Encode(std::string_view text, std::vector<int>* ids, std::string* error) const;

 private:
  struct Model;
  explicit SentencePieceBridge(std::unique_ptr<Model> model);

  const std::unique_ptr<const Model> model_;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_T5_SENTENCEPIECE_BRIDGE_H_
