// A file in memory for libsndfile to read and write.
#ifndef MAGNET_MODEL_AUDIO_SOUND_MEMORY_H_
#define MAGNET_MODEL_AUDIO_SOUND_MEMORY_H_

#include <sndfile.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace magnet {

struct SoundCloser {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using SoundFile = std::unique_ptr<SNDFILE, SoundCloser>;

// Reads bytes that others own. Must outlive the SoundFile opened on it, and not
// move.
class SoundSource {
 public:
  explicit SoundSource(std::string_view bytes) : bytes_(bytes) {}

  // Null where the bytes are no sound file: sf_strerror(nullptr) says why.
  // `info` is filled with what the header claims.
  SoundFile Open(SF_INFO& info);

 private:
  static SF_VIRTUAL_IO Callbacks();

  std::string_view bytes_;
  sf_count_t position_ = 0;
};

// Collects what is written. Must outlive the SoundFile opened on it, and not
// move.
class SoundSink {
 public:
  SoundFile Open(SF_INFO& info);

  // What was written; complete once the SoundFile is closed.
  std::string& bytes() { return bytes_; }

 private:
  static SF_VIRTUAL_IO Callbacks();

  std::string bytes_;
  sf_count_t position_ = 0;
};

}  // namespace magnet

#endif  // MAGNET_MODEL_AUDIO_SOUND_MEMORY_H_
