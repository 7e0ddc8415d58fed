#include "model/audio/vorbis_headers.h"

#include <ogg/ogg.h>
#include <vorbis/codec.h>

#include <algorithm>
#include <cstring>

namespace magnet {
namespace {

constexpr int kNumHeaders = 3;
constexpr size_t kBytesPerRead = 4096;

// Pages of an Ogg file in memory.
class OggPages {
 public:
  explicit OggPages(std::string_view bytes) : rest_(bytes) { ogg_sync_init(&sync_); }
  OggPages(const OggPages&) = delete;
  OggPages& operator=(const OggPages&) = delete;
  ~OggPages() { ogg_sync_clear(&sync_); }

  // The next page, valid until the next call; damaged ones are skipped. False
  // at the end.
  bool Next(ogg_page& page) {
    while (true) {
      const int result = ogg_sync_pageout(&sync_, &page);
      if (result == 1) return true;
      if (result < 0) continue;  // skipped bytes that are no page
      if (rest_.empty()) return false;
      Fill();
    }
  }

 private:
  void Fill() {
    const size_t count = std::min(rest_.size(), kBytesPerRead);
    std::memcpy(ogg_sync_buffer(&sync_, static_cast<long>(count)), rest_.data(), count);
    ogg_sync_wrote(&sync_, static_cast<long>(count));
    rest_.remove_prefix(count);
  }

  std::string_view rest_;
  ogg_sync_state sync_;
};

// What libvorbis makes of the packets of the stream that `first` belongs to.
class VorbisHeaders {
 public:
  explicit VorbisHeaders(ogg_page& first) {
    ogg_stream_init(&stream_, ogg_page_serialno(&first));
    vorbis_info_init(&info_);
    vorbis_comment_init(&comment_);
  }
  VorbisHeaders(const VorbisHeaders&) = delete;
  VorbisHeaders& operator=(const VorbisHeaders&) = delete;
  ~VorbisHeaders() {
    ogg_stream_clear(&stream_);
    vorbis_comment_clear(&comment_);
    vorbis_info_clear(&info_);
  }

  enum class State { kNotVorbis, kIncomplete, kComplete, kBroken };

  State Add(ogg_page& page) {
    ogg_stream_pagein(&stream_, &page);
    ogg_packet packet;
    while (num_accepted_ < kNumHeaders) {
      const int result = ogg_stream_packetout(&stream_, &packet);
      if (result == 0) return State::kIncomplete;
      if (num_accepted_ == 0 && (result < 0 || !IsVorbis(packet))) return State::kNotVorbis;
      if (result < 0 || vorbis_synthesis_headerin(&info_, &comment_, &packet) != 0) {
        return State::kBroken;
      }
      ++num_accepted_;
    }
    return State::kComplete;
  }

 private:
  static bool IsVorbis(const ogg_packet& packet) {
    constexpr char kMagic[] = "\x01vorbis";
    return packet.bytes >= 7 && std::memcmp(packet.packet, kMagic, 7) == 0;
  }

  ogg_stream_state stream_;
  vorbis_info info_;
  vorbis_comment comment_;
  int num_accepted_ = 0;
};

}  // namespace

bool VorbisHeadersAreSound(std::string_view bytes) {
  // libsndfile looks behind a leading ID3 tag.
  if (bytes.substr(0, 4) != "OggS" && bytes.substr(0, 3) != "ID3") return true;
  OggPages pages(bytes);
  ogg_page page;
  if (!pages.Next(page)) return true;
  VorbisHeaders headers(page);
  using State = VorbisHeaders::State;
  State state = headers.Add(page);
  while (state == State::kIncomplete && pages.Next(page)) state = headers.Add(page);
  return state == State::kNotVorbis || state == State::kComplete;
}

}  // namespace magnet
