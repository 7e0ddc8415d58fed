#include "server/given_audio_decoder.h"

#include <sndfile.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>

#include "absl/strings/str_cat.h"

namespace magnet {
namespace {

constexpr sf_count_t kBlockFrames = 4096;
constexpr int kMaxChannels = 16;

struct MemorySource {
  const std::string* bytes = nullptr;
  sf_count_t position = 0;

  sf_count_t size() const { return static_cast<sf_count_t>(bytes->size()); }
};

MemorySource& Source(void* user) { return *static_cast<MemorySource*>(user); }

sf_count_t Length(void* user) { return Source(user).size(); }

sf_count_t Seek(sf_count_t offset, int whence, void* user) {
  MemorySource& source = Source(user);
  if (whence == SEEK_CUR) offset += source.position;
  if (whence == SEEK_END) offset += source.size();
  return source.position = std::clamp<sf_count_t>(offset, 0, source.size());
}

sf_count_t Read(void* data, sf_count_t count, void* user) {
  MemorySource& source = Source(user);
  count = std::clamp<sf_count_t>(count, 0, source.size() - source.position);
  std::memcpy(data, source.bytes->data() + source.position, static_cast<size_t>(count));
  source.position += count;
  return count;
}

sf_count_t RefuseWrite(const void*, sf_count_t, void*) { return 0; }

sf_count_t Tell(void* user) { return Source(user).position; }

struct SoundFileCloser {
  void operator()(SNDFILE* file) const { sf_close(file); }
};

}  // namespace

absl::StatusOr<DecodedAudio> DecodeGivenAudio(const std::string& file, double max_seconds) {
  MemorySource source{&file};
  SF_VIRTUAL_IO callbacks = {
      .get_filelen = &Length, .seek = &Seek, .read = &Read, .write = &RefuseWrite, .tell = &Tell};
  SF_INFO info{};
  const std::unique_ptr<SNDFILE, SoundFileCloser> sound(
      sf_open_virtual(&callbacks, SFM_READ, &info, &source));
  if (sound == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("expected a sound file, found ", file.size(),
                                                   " bytes that are none: ", sf_strerror(nullptr)));
  }
  if (info.channels < 1 || info.channels > kMaxChannels) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected 1 to ", kMaxChannels, " channels, found ", info.channels));
  }
  if (info.samplerate <= 0) return absl::InvalidArgumentError("expected a sample rate over 0");
  const auto max_frames = static_cast<size_t>(max_seconds * info.samplerate);
  DecodedAudio audio{.samples = {}, .sample_rate_hz = info.samplerate};
  const auto channels = static_cast<size_t>(info.channels);
  std::vector<float> block(static_cast<size_t>(kBlockFrames) * channels);
  while (const sf_count_t frames = sf_readf_float(sound.get(), block.data(), kBlockFrames)) {
    if (frames < 0) break;
    for (auto frame = block.begin(); frame != block.begin() + frames * info.channels;
         frame += info.channels) {
      audio.samples.push_back(std::accumulate(frame, frame + info.channels, 0.0f) /
                              static_cast<float>(channels));
    }
    if (audio.samples.size() > max_frames) {
      return absl::InvalidArgumentError(
          absl::StrCat("expected at most ", max_seconds, " seconds of audio, found more"));
    }
  }
  if (audio.samples.empty()) {
    return absl::InvalidArgumentError("expected audio, found a sound file without samples");
  }
  return audio;
}

}  // namespace magnet
