#include "train/composer/synthesizer.h"

#include <fluidsynth.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "absl/strings/str_cat.h"

namespace magnet {
namespace {

constexpr int kBlockSamples = 64;  // the grain at which fluidsynth starts notes
constexpr float kSynthGain = 0.4f;
// MIDI channel of each part. Channel 10 (9 from 0) is General MIDI's drums; with
// five audio groups fluidsynth renders channel c into group c % 5.
constexpr std::array<int, kNumParts> kChannels = {0, 1, 2, 3, 9};

struct MidiEvent {
  double time_s;
  bool is_on;
  int channel, pitch, velocity;
};

std::vector<MidiEvent> ToEvents(const Score& score) {
  std::vector<MidiEvent> events;
  for (const Note& note : score.notes) {
    const int channel = kChannels[static_cast<size_t>(note.part)];
    events.push_back({note.start_s, true, channel, note.pitch, note.velocity});
    events.push_back({note.start_s + note.duration_s, false, channel, note.pitch, 0});
  }
  std::stable_sort(events.begin(), events.end(), [](const MidiEvent& a, const MidiEvent& b) {
    return a.time_s != b.time_s ? a.time_s < b.time_s : a.is_on < b.is_on;
  });
  return events;
}

void Send(fluid_synth_t* synth, const MidiEvent& event) {
  if (event.is_on) {
    fluid_synth_noteon(synth, event.channel, event.pitch, event.velocity);
  } else {
    fluid_synth_noteoff(synth, event.channel, event.pitch);
  }
}

// Renders one block of every part and appends its mono sum.
void RenderBlock(fluid_synth_t* synth, std::array<std::vector<float>, kNumParts>& tracks) {
  constexpr size_t kNumSides = size_t{2} * kNumParts;  // left, right of each
  std::array<std::array<float, kBlockSamples>, kNumSides> sides = {};
  std::array<float*, kNumSides> pointers;
  for (size_t i = 0; i < sides.size(); ++i) pointers[i] = sides[i].data();
  fluid_synth_process(synth, kBlockSamples, /*nfx=*/0, nullptr, kNumSides, pointers.data());
  for (size_t part = 0; part < kNumParts; ++part) {
    for (size_t i = 0; i < kBlockSamples; ++i) {
      tracks[part].push_back(0.5f * (sides[2 * part][i] + sides[2 * part + 1][i]));
    }
  }
}

}  // namespace

struct Synthesizer::Handles {
  int sample_rate_hz = 0;
  fluid_settings_t* settings = nullptr;
  fluid_synth_t* owner = nullptr;  // keeps the soundfont between songs
  fluid_sfont_t* soundfont = nullptr;

  ~Handles() {
    if (owner) delete_fluid_synth(owner);
    if (settings) delete_fluid_settings(settings);
  }
};

Synthesizer::Synthesizer(std::unique_ptr<Handles> handles) : handles_(std::move(handles)) {}
Synthesizer::~Synthesizer() = default;

absl::StatusOr<std::unique_ptr<Synthesizer>> Synthesizer::Load(const std::string& soundfont,
                                                               int sample_rate_hz) {
  if (!std::filesystem::exists(soundfont)) {
    return absl::NotFoundError(
        absl::StrCat("soundfont '", soundfont,
                     "' not found: install the Debian package fluid-soundfont-gm, or name another "
                     "with --soundfont"));
  }
  fluid_set_log_function(FLUID_WARN, nullptr, nullptr);
  fluid_set_log_function(FLUID_ERR, nullptr, nullptr);
  auto handles = std::make_unique<Handles>();
  handles->sample_rate_hz = sample_rate_hz;
  handles->settings = new_fluid_settings();
  fluid_settings_setnum(handles->settings, "synth.sample-rate", sample_rate_hz);
  fluid_settings_setnum(handles->settings, "synth.gain", kSynthGain);
  fluid_settings_setint(handles->settings, "synth.reverb.active", 0);
  fluid_settings_setint(handles->settings, "synth.chorus.active", 0);
  fluid_settings_setint(handles->settings, "synth.audio-channels", kNumParts);
  fluid_settings_setint(handles->settings, "synth.audio-groups", kNumParts);
  fluid_settings_setint(handles->settings, "synth.threadsafe-api", 0);
  handles->owner = new_fluid_synth(handles->settings);
  const int id = fluid_synth_sfload(handles->owner, soundfont.c_str(), /*reset_presets=*/0);
  if (id == FLUID_FAILED) {
    return absl::InvalidArgumentError(absl::StrCat(
        "soundfont '", soundfont, "': fluidsynth cannot load it (expected an .sf2 file)"));
  }
  handles->soundfont = fluid_synth_get_sfont_by_id(handles->owner, id);
  return std::unique_ptr<Synthesizer>(new Synthesizer(std::move(handles)));
}

absl::StatusOr<std::array<std::vector<float>, kNumParts>> Synthesizer::Play(const Score& score) {
  // A synthesizer of its own for each song: no voice and no state is left over.
  fluid_synth_t* synth = new_fluid_synth(handles_->settings);
  if (!synth) return absl::InternalError("fluidsynth could not make a synthesizer");
  fluid_synth_remove_sfont(handles_->owner, handles_->soundfont);
  fluid_synth_add_sfont(synth, handles_->soundfont);
  for (size_t part = 0; part + 1 < kNumParts; ++part) {
    fluid_synth_program_change(synth, kChannels[part], score.programs[part]);
  }
  fluid_synth_program_change(synth, kChannels.back(), 0);

  std::array<std::vector<float>, kNumParts> tracks;
  const std::vector<MidiEvent> events = ToEvents(score);
  size_t next = 0;
  const auto num_samples = static_cast<size_t>(score.length_s * handles_->sample_rate_hz);
  for (auto& track : tracks) track.reserve(num_samples + kBlockSamples);
  while (tracks[0].size() < num_samples) {
    const double now_s = static_cast<double>(tracks[0].size()) / handles_->sample_rate_hz;
    while (next < events.size() && events[next].time_s <= now_s) Send(synth, events[next++]);
    RenderBlock(synth, tracks);
  }
  for (auto& track : tracks) track.resize(num_samples);

  fluid_synth_all_sounds_off(synth, -1);
  fluid_synth_remove_sfont(synth, handles_->soundfont);
  fluid_synth_add_sfont(handles_->owner, handles_->soundfont);
  delete_fluid_synth(synth);
  return tracks;
}

}  // namespace magnet
