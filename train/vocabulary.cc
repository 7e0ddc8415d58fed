#include "train/vocabulary.h"

#include <algorithm>
#include <exception>
#include <unordered_map>

#include "sentencepiece_trainer.h"

namespace magnet {
namespace {

constexpr int kPiecesWithBytes = 600;

class Captions : public sentencepiece::SentenceIterator {
 public:
  explicit Captions(const std::vector<std::string>& captions) : captions_(captions) {}

  bool done() const override { return next_ >= captions_.size(); }
  void Next() override { ++next_; }
  const std::string& value() const override { return captions_[next_]; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  const std::vector<std::string>& captions_;
  size_t next_ = 0;
};

}  // namespace

std::string TrainVocabulary(const std::vector<std::string>& captions, int num_pieces,
                            std::string* error) {
  const std::unordered_map<std::string, std::string> settings = {
      {"model_type", "unigram"},
      {"vocab_size", std::to_string(num_pieces)},
      {"hard_vocab_limit", "false"},
      {"character_coverage", "1.0"},
      {"byte_fallback", num_pieces >= kPiecesWithBytes ? "true" : "false"},
      {"pad_id", "0"},
      {"eos_id", "1"},
      {"unk_id", "2"},
      {"bos_id", "-1"},
      {"input_sentence_size", "200000"},
      {"shuffle_input_sentence", "false"},
      {"num_threads", "1"},
      {"minloglevel", "2"},
  };
  std::string model;
  try {
    Captions sentences(captions);
    const auto status = sentencepiece::SentencePieceTrainer::Train(settings, &sentences, &model);
    if (status.ok()) return model;
    *error = status.ToString();
  } catch (const std::exception& exception) {
    *error = exception.what();
  }
  return "";
}

}  // namespace magnet
