#include "model/audio/sound_memory.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace magnet {
namespace {

// Moves `position` as fseek does; stays where it is, and says -1, if the target
// is negative.
sf_count_t Seek(sf_count_t offset, int whence, sf_count_t size, sf_count_t& position) {
  const sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? position : size;
  sf_count_t target = 0;
  if (__builtin_add_overflow(base, offset, &target) || target < 0) return -1;
  position = target;
  return position;
}

}  // namespace

SF_VIRTUAL_IO SoundSource::Callbacks() {
  return {
      .get_filelen = [](void* user) -> sf_count_t {
        return static_cast<sf_count_t>(static_cast<SoundSource*>(user)->bytes_.size());
      },
      .seek = [](sf_count_t offset, int whence, void* user) -> sf_count_t {
        auto* self = static_cast<SoundSource*>(user);
        return Seek(offset, whence, static_cast<sf_count_t>(self->bytes_.size()), self->position_);
      },
      .read = [](void* data, sf_count_t count, void* user) -> sf_count_t {
        auto* self = static_cast<SoundSource*>(user);
        const auto size = static_cast<sf_count_t>(self->bytes_.size());
        const sf_count_t left = std::max<sf_count_t>(size - self->position_, 0);
        count = std::clamp<sf_count_t>(count, 0, left);
        if (count == 0) return 0;
        std::memcpy(data, self->bytes_.data() + self->position_, static_cast<size_t>(count));
        self->position_ += count;
        return count;
      },
      .write = [](const void*, sf_count_t, void*) -> sf_count_t { return 0; },
      .tell = [](void* user) -> sf_count_t { return static_cast<SoundSource*>(user)->position_; },
  };
}

SoundFile SoundSource::Open(SF_INFO& info) {
  SF_VIRTUAL_IO callbacks = Callbacks();
  info = {};
  return SoundFile(sf_open_virtual(&callbacks, SFM_READ, &info, this));
}

SF_VIRTUAL_IO SoundSink::Callbacks() {
  return {
      .get_filelen = [](void* user) -> sf_count_t {
        return static_cast<sf_count_t>(static_cast<SoundSink*>(user)->bytes_.size());
      },
      .seek = [](sf_count_t offset, int whence, void* user) -> sf_count_t {
        auto* self = static_cast<SoundSink*>(user);
        return Seek(offset, whence, static_cast<sf_count_t>(self->bytes_.size()), self->position_);
      },
      .read = [](void* data, sf_count_t count, void* user) -> sf_count_t {
        auto* self = static_cast<SoundSink*>(user);
        const size_t copied =
            self->position_ < static_cast<sf_count_t>(self->bytes_.size())
                ? self->bytes_.copy(static_cast<char*>(data), static_cast<size_t>(count),
                                    static_cast<size_t>(self->position_))
                : 0;
        self->position_ += static_cast<sf_count_t>(copied);
        return static_cast<sf_count_t>(copied);
      },
      .write = [](const void* data, sf_count_t count, void* user) -> sf_count_t {
        auto* self = static_cast<SoundSink*>(user);
        const auto end = static_cast<size_t>(self->position_ + count);
        if (self->bytes_.size() < end) self->bytes_.resize(end);
        std::memcpy(self->bytes_.data() + self->position_, data, static_cast<size_t>(count));
        self->position_ += count;
        return count;
      },
      .tell = [](void* user) -> sf_count_t { return static_cast<SoundSink*>(user)->position_; },
  };
}

SoundFile SoundSink::Open(SF_INFO& info) {
  SF_VIRTUAL_IO callbacks = Callbacks();
  return SoundFile(sf_open_virtual(&callbacks, SFM_WRITE, &info, this));
}

}  // namespace magnet
