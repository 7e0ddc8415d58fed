// A whole sound file, made by the server's own encoder.
#ifndef MAGNET_TESTS_SERVER_ENCODED_AUDIO_H_
#define MAGNET_TESTS_SERVER_ENCODED_AUDIO_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "server/audio_encoder.h"

namespace magnet::testing {

// The file of `samples`, given to the encoder in pieces of `piece` samples.
inline std::string EncodedAudio(AudioFormat format, int rate, const std::vector<float>& samples,
                                size_t piece = 4096) {
  auto encoder = MakeAudioEncoder(format, {rate, static_cast<int64_t>(samples.size())});
  EXPECT_TRUE(encoder.ok()) << encoder.status();
  std::string file;
  for (size_t i = 0; i < samples.size(); i += piece) {
    file += (*encoder)->Encode(absl::MakeSpan(samples).subspan(i, piece)).value();
  }
  file += (*encoder)->Finish().value();
  return file;
}

}  // namespace magnet::testing

#endif  // MAGNET_TESTS_SERVER_ENCODED_AUDIO_H_
