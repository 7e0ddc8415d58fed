#include "model/strict_json.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace magnet {
namespace {

using nlohmann::json;

std::string Shortened(const std::string& text) {
  constexpr size_t kMaxShown = 80;
  return text.size() <= kMaxShown ? text : text.substr(0, kMaxShown) + "...";
}

// Builds the document itself rather than by json::parse, which keeps the last
// of two equal keys and has no limits.
class StrictHandler final : public nlohmann::json_sax<json> {
 public:
  explicit StrictHandler(const JsonLimits& limits) : limits_(limits) {}

  bool null() override { return Add(nullptr); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(number_integer_t value) override { return Add(value); }
  bool number_unsigned(number_unsigned_t value) override { return Add(value); }
  bool number_float(number_float_t value, const string_t&) override { return Add(value); }
  bool string(string_t& value) override { return Add(std::move(value)); }
  bool binary(binary_t&) override { return Fail("binary value"); }
  bool start_object(size_t) override { return Open(json::object()); }
  bool start_array(size_t) override { return Open(json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool key(string_t& name) override {
    if (stack_.back()->contains(name)) {
      return Fail(absl::StrCat("the key \"", Shortened(name), "\" occurs twice"));
    }
    key_ = std::move(name);
    return true;
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return Fail(absl::StrCat("not JSON at byte ", position));
  }

  json& document() { return document_; }
  const std::string& error() const { return error_; }

 private:
  bool Fail(std::string error) {
    if (error_.empty()) error_ = std::move(error);
    return false;
  }

  bool Add(json value) {
    if (++num_values_ > limits_.max_values) {
      return Fail(absl::StrCat("more than ", limits_.max_values, " values"));
    }
    if (stack_.empty()) {
      document_ = std::move(value);
      added_ = &document_;
    } else if (stack_.back()->is_array()) {
      stack_.back()->push_back(std::move(value));
      added_ = &stack_.back()->back();
    } else {
      added_ = &((*stack_.back())[key_] = std::move(value));
    }
    return true;
  }

  bool Open(json container) {
    if (stack_.size() >= static_cast<size_t>(limits_.max_depth)) {
      return Fail(absl::StrCat("nested deeper than ", limits_.max_depth));
    }
    if (!Add(std::move(container))) return false;
    stack_.push_back(added_);
    return true;
  }

  bool Close() {
    stack_.pop_back();
    return true;
  }

  const JsonLimits& limits_;
  json document_;
  // Containers from the document inwards. Adding to the innermost one never
  // moves those around it.
  std::vector<json*> stack_;
  json* added_ = nullptr;
  std::string key_;
  size_t num_values_ = 0;
  std::string error_;
};

}  // namespace

absl::StatusOr<json> ParseStrictJson(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected at most ", limits.max_bytes, " bytes of JSON, found ", text.size()));
  }
  StrictHandler handler(limits);
  if (!json::sax_parse(text.begin(), text.end(), &handler)) {
    return absl::InvalidArgumentError(handler.error().empty() ? "not JSON" : handler.error());
  }
  return std::move(handler.document());
}

}  // namespace magnet
