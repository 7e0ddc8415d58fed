#include "model/t5/tokenizer.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/t5/sentencepiece_bridge.h"

namespace magnet {
namespace {

constexpr int kNumSentinels = 100;
constexpr int kNotSpecial = -1;
constexpr std::string_view kPad = "<pad>";
constexpr std::string_view kEos = "</s>";
constexpr std::string_view kUnk = "<unk>";
constexpr std::string_view kSentinelPrefix = "<extra_id_";

// What Python's str.strip() takes away, in UTF-8, for sentinels do as it does.
constexpr std::string_view kWhiteSpace[] = {
    "\t",           "\n",           "\v",           "\f",           "\r",
    "\x1c",         "\x1d",         "\x1e",         "\x1f",         " ",
    "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
    "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
    "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
    "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};

std::string_view StripLeft(std::string_view text) {
  const auto* space = std::begin(kWhiteSpace);
  while (space != std::end(kWhiteSpace)) {
    space = std::find_if(std::begin(kWhiteSpace), std::end(kWhiteSpace),
                         [&](std::string_view s) { return text.starts_with(s); });
    if (space != std::end(kWhiteSpace)) text.remove_prefix(space->size());
  }
  return text;
}

std::string_view StripRight(std::string_view text) {
  const auto* space = std::begin(kWhiteSpace);
  while (space != std::end(kWhiteSpace)) {
    space = std::find_if(std::begin(kWhiteSpace), std::end(kWhiteSpace),
                         [&](std::string_view s) { return text.ends_with(s); });
    if (space != std::end(kWhiteSpace)) text.remove_suffix(space->size());
  }
  return text;
}

// The N of a text that begins with "<extra_id_N>", N written as Hugging Face
// does (no leading zero), or -1. Sets `*length` to that of the token.
int SentinelNumberAt(std::string_view text, size_t* length) {
  if (!text.starts_with(kSentinelPrefix)) return -1;
  const char* const digits = text.data() + kSentinelPrefix.size();
  int number = -1;
  const auto [end, error] = std::from_chars(digits, text.data() + text.size(), number);
  if (error != std::errc() || number < 0 || number >= kNumSentinels) return -1;
  const bool canonical = end - digits == (number < 10 ? 1 : 2);
  if (!canonical || end == text.data() + text.size() || *end != '>') return -1;
  *length = end + 1 - text.data();
  return number;
}

}  // namespace

struct T5Tokenizer::Segment {
  std::string_view text;  // of the input; empty for a special token
  int special_id = kNotSpecial;
};

absl::StatusOr<T5Tokenizer> T5Tokenizer::FromSerialized(std::string_view spiece_model_bytes) {
  std::string error;
  auto pieces = SentencePieceBridge::Open(spiece_model_bytes, &error);
  if (pieces == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("spiece.model: expected a SentencePiece model, found ",
                     spiece_model_bytes.size(), " bytes that are none: ", error));
  }
  for (const std::string_view name : {kPad, kEos, kUnk}) {
    if (pieces->FindPiece(name) >= 0) continue;
    return absl::InvalidArgumentError(absl::StrCat("spiece.model: expected a piece ",
                                                   std::string(name), ", found none among ",
                                                   pieces->num_pieces()));
  }
  return T5Tokenizer(std::move(pieces));
}

T5Tokenizer::T5Tokenizer(std::unique_ptr<SentencePieceBridge> pieces)
    : pieces_(std::move(pieces)),
      pad_id_(pieces_->FindPiece(kPad)),
      eos_id_(pieces_->FindPiece(kEos)),
      unk_id_(pieces_->FindPiece(kUnk)) {}

T5Tokenizer::T5Tokenizer(T5Tokenizer&&) noexcept = default;
T5Tokenizer& T5Tokenizer::operator=(T5Tokenizer&&) noexcept = default;
T5Tokenizer::~T5Tokenizer() = default;

int T5Tokenizer::vocab_size() const { return pieces_->num_pieces() + kNumSentinels; }

int T5Tokenizer::SentinelId(int number) const { return vocab_size() - 1 - number; }

int T5Tokenizer::SpecialTokenAt(std::string_view text, size_t* length) const {
  const std::pair<std::string_view, int> named[] = {
      {kPad, pad_id_}, {kEos, eos_id_}, {kUnk, unk_id_}};
  for (const auto& [name, id] : named) {
    if (!text.starts_with(name)) continue;
    *length = name.size();
    return id;
  }
  const int number = SentinelNumberAt(text, length);
  return number < 0 ? kNotSpecial : SentinelId(number);
}

std::vector<T5Tokenizer::Segment> T5Tokenizer::Split(std::string_view text) const {
  std::vector<Segment> segments;
  size_t begin = 0;
  for (size_t at = text.find('<'); at != text.npos; at = text.find('<', at)) {
    size_t length = 1;
    const int id = SpecialTokenAt(text.substr(at), &length);
    if (id != kNotSpecial) {
      segments.push_back({text.substr(begin, at - begin)});
      segments.push_back({{}, id});
      begin = at + length;
    }
    at += length;
  }
  segments.push_back({text.substr(begin)});

  for (size_t i = 1; i + 1 < segments.size(); i += 2) {
    if (segments[i].special_id < pieces_->num_pieces()) continue;
    segments[i - 1].text = StripRight(segments[i - 1].text);
    segments[i + 1].text = StripLeft(segments[i + 1].text);
  }
  return segments;
}

absl::StatusOr<std::vector<int64_t>> T5Tokenizer::Encode(std::string_view text) const {
  std::vector<int64_t> ids;
  for (const Segment& segment : Split(text)) {
    if (segment.special_id != kNotSpecial) {
      ids.push_back(segment.special_id);
      continue;
    }
    std::vector<int> segment_ids;
    std::string error;
    if (!pieces_->Encode(segment.text, &segment_ids, &error)) {
      return absl::InternalError(absl::StrCat("spiece.model: cannot segment a text of ",
                                              segment.text.size(), " bytes: ", error));
    }
    ids.insert(ids.end(), segment_ids.begin(), segment_ids.end());
  }
  if (ids.empty() || ids.back() != eos_id_) ids.push_back(eos_id_);
  return ids;
}

std::vector<std::string> T5Tokenizer::Pieces(absl::Span<const int64_t> ids) const {
  std::vector<std::string> pieces;
  pieces.reserve(ids.size());
  for (const int64_t id : ids) {
    if (id < 0 || id >= vocab_size()) {
      pieces.emplace_back(kUnk);
    } else if (id < pieces_->num_pieces()) {
      pieces.push_back(pieces_->PieceName(static_cast<int>(id)));
    } else {
      pieces.push_back(absl::StrCat(std::string(kSentinelPrefix), vocab_size() - 1 - id, ">"));
    }
  }
  return pieces;
}

}  // namespace magnet
