#include "train/musicbench_row.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace magnet {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kShownCharacters = 40;

std::string Shown(const Json& value) {
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
  if (text.size() > kShownCharacters) text = text.substr(0, kShownCharacters) + "...";
  return text;
}

// Reads fields one after the other and keeps the first complaint.
class FieldReader {
 public:
  explicit FieldReader(const Json& row) : row_(row) {}

  std::string Text(const char* field) {
    const Json* value = Find(field);
    if (!value) return "";
    if (value->is_string()) return value->get<std::string>();
    Complain(field, "a string", *value);
    return "";
  }

  bool FlagOr(const char* field, bool otherwise) {
    if (!row_.contains(field)) return otherwise;
    if (row_[field].is_boolean()) return row_[field].get<bool>();
    Complain(field, "true or false", row_[field]);
    return otherwise;
  }

  std::optional<double> NumberOrNull(const char* field) {
    const Json* value = Find(field);
    if (!value || value->is_null()) return std::nullopt;
    if (value->is_number()) return value->get<double>();
    Complain(field, "a number or null", *value);
    return std::nullopt;
  }

  std::vector<double> Numbers(const char* field) {
    const Json* value = Find(field);
    return value ? NumbersOf(field, *value) : std::vector<double>();
  }

  std::vector<double> NumbersOf(const char* field, const Json& value) {
    const auto is_number = [](const Json& item) { return item.is_number(); };
    if (value.is_array() && std::all_of(value.begin(), value.end(), is_number)) {
      return value.get<std::vector<double>>();
    }
    Complain(field, "a list of numbers", value);
    return {};
  }

  std::vector<std::string> Texts(const char* field) {
    const Json* value = Find(field);
    if (!value) return {};
    const auto is_string = [](const Json& item) { return item.is_string(); };
    if (value->is_array() && std::all_of(value->begin(), value->end(), is_string)) {
      return value->get<std::vector<std::string>>();
    }
    Complain(field, "a list of strings", *value);
    return {};
  }

  void Beats(MusicBenchRow& row) {
    const Json* value = Find("beats");
    if (!value) return;
    if (!value->is_array() || value->size() != 2) return Complain("beats", "two lists", *value);
    row.beat_times_s = NumbersOf("beats", (*value)[0]);
    row.beat_positions = NumbersOf("beats", (*value)[1]);
    if (row.beat_times_s.size() != row.beat_positions.size()) {
      Complain("beats", "two lists of equal length",
               absl::StrCat(row.beat_times_s.size(), " and ", row.beat_positions.size()));
    }
  }

  std::map<std::string, std::string> LabelsOrNone(const char* field) {
    if (!row_.contains(field)) return {};
    const Json& value = row_[field];
    const auto is_string = [](const Json& item) { return item.is_string(); };
    if (value.is_object() && std::all_of(value.begin(), value.end(), is_string)) {
      return value.get<std::map<std::string, std::string>>();
    }
    Complain(field, "an object of strings", value);
    return {};
  }

  void Complain(const char* field, absl::string_view expected, const Json& found) {
    Complain(field, expected, Shown(found));
  }

  void Complain(const char* field, absl::string_view expected, const std::string& found) {
    if (!status_.ok()) return;
    status_ = absl::InvalidArgumentError(
        absl::StrCat("field '", field, "': expected ", std::string(expected), ", found ", found));
  }

  const absl::Status& status() const { return status_; }

 private:
  const Json* Find(const char* field) {
    if (row_.contains(field)) return &row_[field];
    if (status_.ok())
      status_ = absl::InvalidArgumentError(absl::StrCat("field '", field, "': is missing"));
    return nullptr;
  }

  const Json& row_;
  absl::Status status_;
};

bool StaysInside(const std::string& location) {
  const std::filesystem::path path(location);
  const auto climbs = [](const std::filesystem::path& part) { return part == ".."; };
  return !location.empty() && path.is_relative() && location.find('\0') == std::string::npos &&
         std::none_of(path.begin(), path.end(), climbs);
}

void CheckMeaning(const MusicBenchRow& row, FieldReader& fields) {
  if (!StaysInside(row.location)) {
    fields.Complain("location", "a relative path without '..'", Json(row.location));
  }
  if (row.main_caption.empty()) fields.Complain("main_caption", "some text", Json(""));
  if (row.bpm && !(std::isfinite(*row.bpm) && *row.bpm > 0)) {
    fields.Complain("bpm", "a number above 0", Json(*row.bpm));
  }
  if (row.chords.size() != row.chord_times_s.size()) {
    fields.Complain("chords_time",
                    absl::StrCat("as many entries as chords (", row.chords.size(), ")"),
                    absl::StrCat(row.chord_times_s.size()));
  }
  if (!row.key_mode.empty() && row.key_mode != "major" && row.key_mode != "minor") {
    fields.Complain("key", "the mode major or minor", Json(row.key_mode));
  }
  if (!(row.key_probability >= 0 && row.key_probability <= 1)) {
    fields.Complain("keyprob", "0 to 1", Json(row.key_probability));
  }
}

}  // namespace

absl::StatusOr<MusicBenchRow> ParseMusicBenchRow(absl::string_view line) {
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return absl::InvalidArgumentError("the line is not JSON in UTF-8");
  if (!json.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat("expected a JSON object, found ", Shown(json)));
  }
  FieldReader fields(json);
  MusicBenchRow row;
  row.dataset = fields.Text("dataset");
  row.location = fields.Text("location");
  row.main_caption = fields.Text("main_caption");
  row.alt_caption = fields.Text("alt_caption");
  row.prompt_aug = fields.Text("prompt_aug");
  row.prompt_ch = fields.Text("prompt_ch");
  row.prompt_bt = fields.Text("prompt_bt");
  row.prompt_bpm = fields.Text("prompt_bpm");
  row.prompt_key = fields.Text("prompt_key");
  fields.Beats(row);
  row.bpm = fields.NumberOrNull("bpm");
  row.chords = fields.Texts("chords");
  row.chord_times_s = fields.Numbers("chords_time");
  const std::vector<std::string> key = fields.Texts("key");
  if (key.size() == 2) {
    row.key_root = key[0];
    row.key_mode = key[1];
  } else if (!key.empty()) {
    fields.Complain("key", "a root and a mode", absl::StrCat(key.size(), " entries"));
  }
  const std::vector<double> probability = fields.Numbers("keyprob");
  if (!probability.empty()) row.key_probability = probability.front();
  row.is_audioset_eval_mcaps = fields.FlagOr("is_audioset_eval_mcaps", false);
  row.labels = fields.LabelsOrNone("labels");
  if (fields.status().ok()) CheckMeaning(row, fields);
  if (!fields.status().ok()) return fields.status();
  return row;
}

std::string FormatMusicBenchRow(const MusicBenchRow& row) {
  const auto rounded = [](const std::vector<double>& times) {
    Json list = Json::array();
    for (const double time : times) list.push_back(std::round(time * 1000) / 1000);
    return list;
  };
  Json json;
  json["dataset"] = row.dataset;
  json["location"] = row.location;
  json["main_caption"] = row.main_caption;
  json["alt_caption"] = row.alt_caption;
  json["prompt_aug"] = row.prompt_aug;
  json["prompt_ch"] = row.prompt_ch;
  json["prompt_bt"] = row.prompt_bt;
  json["prompt_bpm"] = row.prompt_bpm;
  json["prompt_key"] = row.prompt_key;
  json["beats"] = Json::array({rounded(row.beat_times_s), Json(row.beat_positions)});
  json["bpm"] = row.bpm ? Json(*row.bpm) : Json(nullptr);
  json["chords"] = row.chords;
  json["chords_time"] = rounded(row.chord_times_s);
  json["key"] = row.key_root.empty() ? Json::array() : Json::array({row.key_root, row.key_mode});
  json["keyprob"] = Json::array({row.key_probability});
  json["is_audioset_eval_mcaps"] = row.is_audioset_eval_mcaps;
  if (!row.labels.empty()) json["labels"] = row.labels;
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

std::string OriginalLocation(absl::string_view location) {
  const size_t dot = location.rfind('.');
  if (dot == absl::string_view::npos) return std::string(location);
  size_t digits = dot;
  while (digits > 0 && std::isdigit(static_cast<unsigned char>(location[digits - 1]))) --digits;
  const bool is_copy =
      digits < dot && digits > 1 && location[digits - 1] == '_' && location[digits - 2] != '/';
  if (!is_copy) return std::string(location);
  return absl::StrCat(std::string(location.substr(0, digits - 1)),
                      std::string(location.substr(dot)));
}

}  // namespace magnet
