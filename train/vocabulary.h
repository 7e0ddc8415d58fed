// A SentencePiece vocabulary in T5's form, learnt from captions.
//
// Plain types: SentencePiece's headers clash with Abseil's, so only
// vocabulary.cc includes them.
#ifndef MAGNET_TRAIN_VOCABULARY_H_
#define MAGNET_TRAIN_VOCABULARY_H_

#include <string>
#include <vector>

namespace magnet {

// Trains a unigram model of at most `num_pieces` pieces, <pad> 0, </s> 1, <unk> 2,
// with bytes as a fallback for characters the captions lack where there is room
// for them (num_pieces >= 600). The same captions give the same vocabulary.
// Returns the bytes of a `spiece.model`; empty with `*error` set on failure.
std::string TrainVocabulary(const std::vector<std::string>& captions, int num_pieces,
                            std::string* error);

}  // namespace magnet

#endif  // MAGNET_TRAIN_VOCABULARY_H_
