// CheckModelConfig: ranges of single fields, then fields that contradict each other.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/model_config.h"
#include "model/model_config_fields.h"

namespace magnet {
namespace {

// 20 times the largest published model: what a broken config must not make us
// allocate.
constexpr double kMaxParameters = 4e10;

class RangeChecker {
 public:
  RangeChecker(std::string path, std::vector<std::string>& errors)
      : path_(std::move(path)), errors_(errors) {}

  void Int(const char* name, const int& field, int min, int max) { Check(name, field, min, max); }

  void Double(const char* name, const double& field, double min, double max) {
    Check(name, field, min, max);
  }

  void OptionalInt(const char* name, const int& field, int, int min, int max) {
    Int(name, field, min, max);
  }

  void OptionalDouble(const char* name, const double& field, double, double min, double max) {
    Check(name, field, min, max);
  }

  void Bool(const char*, const bool&) {}

  void String(const char* name, const std::string& field, size_t min_bytes, size_t max_bytes) {
    if (field.size() < min_bytes || field.size() > max_bytes) {
      errors_.push_back(absl::StrCat(path_, name, ": expected ", min_bytes, " to ", max_bytes,
                                     " bytes, found ", field.size()));
    }
  }

  void IntList(const char* name, const std::vector<int>& field, size_t max_entries, int min,
               int max) {
    if (field.empty() || field.size() > max_entries) {
      errors_.push_back(absl::StrCat(path_, name, ": expected 1 to ", max_entries,
                                     " entries, found ", field.size()));
      return;
    }
    for (size_t i = 0; i < field.size(); ++i) {
      Check(absl::StrCat(name, "[", i, "]"), field[i], min, max);
    }
  }

  template <typename E, typename Words>
  void Enum(const char* name, const E& field, const Words& words) {
    for (const auto& word : words) {
      if (word.value == field) return;
    }
    errors_.push_back(absl::StrCat(path_, name, ": expected one of ",
                                   config_fields::WordList(words), ", found ",
                                   static_cast<int>(field)));
  }

  template <typename T>
  void Object(const char* name, T& fields) {
    RangeChecker checker(absl::StrCat(path_, name, "."), errors_);
    config_fields::VisitFields(checker, fields);
  }

  template <typename T>
  void OptionalObject(const char* name, std::optional<T>& fields) {
    if (fields.has_value()) Object(name, *fields);
  }

 private:
  template <typename N>
  void Check(const std::string& name, N value, N min, N max) {
    // Written so that NaN fails.
    if (value >= min && value <= max) return;
    errors_.push_back(
        absl::StrCat(path_, name, ": expected ", min, " to ", max, ", found ", value));
  }

  const std::string path_;  // of the object, with a dot at the end
  std::vector<std::string>& errors_;
};

// Reports every pair of fields that cannot both be right.
class ContradictionChecker {
 public:
  explicit ContradictionChecker(const ModelConfig& config) : c_(config) {}

  std::vector<std::string> Run() {
    CheckName();
    CheckLm();
    CheckCodec();
    CheckTextEncoder();
    CheckBetweenParts();
    CheckSampling();
    return std::move(errors_);
  }

 private:
  template <typename... Parts>
  void Expect(bool holds, const Parts&... parts) {
    if (!holds) errors_.push_back(absl::StrCat(parts...));
  }

  void CheckName() {
    constexpr std::string_view kAllowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    Expect(c_.name.find_first_not_of(kAllowed) == std::string::npos,
           "name: expected letters, digits, '.', '_' and '-' only");
  }

  void CheckLm() {
    const LmConfig& lm = c_.lm;
    Expect(lm.dim % 2 == 0, "lm.dim: expected an even number, found ", lm.dim);
    Expect(lm.dim % lm.num_heads == 0, "lm.num_heads: expected a divisor of lm.dim (", lm.dim,
           "), found ", lm.num_heads);
    Expect(lm.span_len <= lm.window_frames, "lm.span_len: expected at most lm.window_frames (",
           lm.window_frames, "), found ", lm.span_len);
    if (lm.beats.has_value()) {
      Expect(lm.beats->min_frames_per_beat <= lm.beats->max_frames_per_beat,
             "lm.beats.min_frames_per_beat: expected at most lm.beats.max_frames_per_beat (",
             lm.beats->max_frames_per_beat, "), found ", lm.beats->min_frames_per_beat);
    }
    Expect(lm.neighbour_tables <= lm.num_codebooks,
           "lm.neighbour_tables: expected at most lm.num_codebooks (", lm.num_codebooks,
           "), found ", lm.neighbour_tables);
    const double dim = lm.dim;
    const double ticks = lm.beats.has_value() ? lm.beats->num_ticks() : 0;
    const double parameters = lm.num_layers * (8 * dim * dim + 2 * dim * lm.ffn_dim) +
                              dim * (2.0 * lm.card * lm.num_codebooks + ticks) +
                              1.0 * lm.neighbour_tables * lm.card * lm.card;
    Expect(parameters <= kMaxParameters, "lm: expected sizes that give at most ", kMaxParameters,
           " parameters, found ", parameters);
  }

  void CheckCodec() {
    const CodecConfig& codec = c_.codec;
    double hop = 1;
    for (const int ratio : codec.ratios) hop *= ratio;
    Expect(hop <= codec.sample_rate_hz,
           "codec.ratios: expected a product of at most codec.sample_rate_hz (",
           codec.sample_rate_hz, "), found ", hop);
    const double widest = std::ldexp(codec.num_filters, static_cast<int>(codec.ratios.size()));
    Expect(widest <= config_fields::kMaxWidth, "codec.num_filters: doubled at each of ",
           codec.ratios.size(), " ratios, expected at most ", config_fields::kMaxWidth, ", found ",
           widest);
    Expect(codec.num_filters % codec.compress == 0,
           "codec.compress: expected a divisor of codec.num_filters (", codec.num_filters,
           "), found ", codec.compress);
    Expect(std::pow(codec.dilation_base, codec.num_residual_layers) <= 1e6,
           "codec.dilation_base: expected a dilation of at most 1e6 in the "
           "last of ",
           codec.num_residual_layers, " residual layers, found base ", codec.dilation_base);
    Expect(codec.causal || codec.trim_right_ratio == 1,
           "codec.trim_right_ratio: expected 1 where codec.causal is false, "
           "found ",
           codec.trim_right_ratio);
    // The widest convolution and the LSTM dominate.
    const double longest_kernel = std::max({codec.kernel_size, codec.last_kernel_size, 2 * 1024});
    const double parameters = widest * widest * (8.0 * codec.lstm_layers) +
                              widest * codec.dimension * longest_kernel / 100 +
                              1.0 * codec.num_codebooks * codec.codebook_size * codec.dimension;
    Expect(parameters <= kMaxParameters, "codec: expected sizes that give at most ", kMaxParameters,
           " parameters, found about ", parameters);
  }

  void CheckTextEncoder() {
    const TextEncoderConfig& t5 = c_.text_encoder;
    Expect(t5.relative_attention_num_buckets % 4 == 0,
           "text_encoder.relative_attention_num_buckets: expected a multiple "
           "of 4, found ",
           t5.relative_attention_num_buckets);
    Expect(t5.relative_attention_max_distance > t5.relative_attention_num_buckets / 4,
           "text_encoder.relative_attention_max_distance: expected more than a "
           "quarter of "
           "text_encoder.relative_attention_num_buckets (",
           t5.relative_attention_num_buckets, "), found ", t5.relative_attention_max_distance);
    const double parameters =
        1.0 * t5.vocab_size * t5.d_model +
        1.0 * t5.num_layers * t5.d_model * (4.0 * t5.d_kv * t5.num_heads + 3.0 * t5.d_ff);
    Expect(parameters <= kMaxParameters, "text_encoder: expected sizes that give at most ",
           kMaxParameters, " parameters, found ", parameters);
  }

  void CheckBetweenParts() {
    Expect(c_.lm.text_dim == c_.text_encoder.d_model,
           "lm.text_dim: expected text_encoder.d_model (", c_.text_encoder.d_model, "), found ",
           c_.lm.text_dim);
    Expect(c_.lm.card == c_.codec.codebook_size, "lm.card: expected codec.codebook_size (",
           c_.codec.codebook_size, "), found ", c_.lm.card);
    Expect(c_.lm.num_codebooks <= c_.codec.num_codebooks,
           "lm.num_codebooks: expected at most codec.num_codebooks (", c_.codec.num_codebooks,
           "), found ", c_.lm.num_codebooks);
  }

  void CheckSampling() {
    constexpr int kMaxTotalSteps = 100'000;
    for (const SpecViolation& violation :
         FindSamplingViolations(c_.sampling, c_.lm.num_codebooks, c_.lm.card,
                                c_.lm.neighbour_tables, kMaxTotalSteps)) {
      errors_.push_back(absl::StrCat(violation.field, ": ", violation.description));
    }
  }

  const ModelConfig& c_;
  std::vector<std::string> errors_;
};

}  // namespace

absl::Status CheckModelConfig(const ModelConfig& config) {
  ModelConfig copy = config;
  std::vector<std::string> errors;
  RangeChecker ranges(/*path=*/"", errors);
  config_fields::VisitFields(ranges, copy);
  // Only sizes within their ranges can be compared without overflow.
  if (errors.empty()) errors = ContradictionChecker(config).Run();
  return config_fields::JoinErrors(errors);
}

}  // namespace magnet
