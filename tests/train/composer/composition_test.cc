#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "train/composer/accompaniment.h"
#include "train/composer/clip.h"
#include "train/composer/describe.h"
#include "train/composer/song.h"

namespace magnet {
namespace {

constexpr int kSongs = 300;

bool Contains(const std::vector<PitchClass>& classes, int pitch) {
  return std::find(classes.begin(), classes.end(), pitch % 12) != classes.end();
}

// If it fails: chords are named or built wrongly, and so every caption that names them.
TEST(Harmony, ChordsOfKeys) {
  const Key a_minor = {9, Mode::kMinor}, e_flat = {3, Mode::kMajor},
            f_sharp_minor = {6, Mode::kMinor};
  EXPECT_EQ(ChordName(DiatonicChord(a_minor, 1, false), a_minor), "Am");
  EXPECT_EQ(ChordName(DiatonicChord(a_minor, 5, true), a_minor), "E7");
  EXPECT_EQ(ChordName(DiatonicChord(a_minor, 2, true), a_minor), "Bm7b5");
  EXPECT_EQ(ChordName(DiatonicChord(e_flat, 4, true), e_flat), "Abmaj7");
  EXPECT_EQ(ChordName(DiatonicChord(f_sharp_minor, 4, false), f_sharp_minor), "Bm");
  EXPECT_EQ(ChordTones(DiatonicChord(a_minor, 5, false)), (std::vector<PitchClass>{4, 8, 11}));
}

// If it fails: the dominant of minor clashes with the melody's natural seventh.
TEST(Harmony, MinorRaisesItsSeventhOverTheDominantOnly) {
  const Key key = {9, Mode::kMinor};
  EXPECT_TRUE(Contains(ScaleOver(key, DiatonicChord(key, 5, false)), 8));
  EXPECT_FALSE(Contains(ScaleOver(key, DiatonicChord(key, 5, false)), 7));
  EXPECT_TRUE(Contains(ScaleOver(key, DiatonicChord(key, 4, false)), 7));
}

// If it fails: phrases no longer say where home is.
TEST(Harmony, PeriodsBeginOnTheTonicAndEndInACadence) {
  Random random(4);
  for (int i = 0; i < 200; ++i) {
    const Key key = {i % 12, i % 2 ? Mode::kMajor : Mode::kMinor};
    const std::vector<Chord> period = ComposePeriod(key, 0.5, random);
    ASSERT_EQ(period.size(), 8u);
    EXPECT_EQ(period[0].degree, 1);
    EXPECT_EQ(period[4].degree, 1);
    EXPECT_EQ(period[6].degree, 5);
    EXPECT_EQ(period[7].degree, 1);
  }
}

// If it fails: a figure is not as long as its bar, and notes fall into the next.
TEST(Styles, FiguresFillTheirBar) {
  for (const Style& style : Styles()) {
    for (const Figures& figures : style.figures) {
      const size_t steps = static_cast<size_t>(StepsPerBar(figures.meter));
      for (const auto& figure : figures.comping)
        EXPECT_EQ(figure.size(), steps) << style.name << " " << figure;
      for (const auto& figure : figures.bass)
        EXPECT_EQ(figure.size(), steps) << style.name << " " << figure;
      for (const DrumPattern& drums : figures.drums) {
        for (const DrumVoice& voice : drums.voices)
          EXPECT_EQ(voice.steps.size(), steps) << style.name << " " << drums.name;
      }
    }
  }
}

// If it fails: an accompanying instrument has no name for captions.
TEST(Styles, EveryProgramHasAName) {
  for (const Style& style : Styles()) {
    for (const auto* programs :
         {&style.comping_programs, &style.pad_programs, &style.bass_programs}) {
      for (const int program : *programs)
        EXPECT_FALSE(ProgramName(program).empty()) << style.name << " " << program;
    }
  }
}

// If it fails: the data set lacks some of the variety it promises.
TEST(Songs, CoverWhatTheDataSetPromises) {
  std::set<std::string> leads, keys, styles, meters, drums;
  std::set<int> tempo_tens;
  for (int i = 1; i <= 8 * kSongs; ++i) {
    const SongPlan plan = ComposeSong(1, i).plan;
    leads.insert(std::string(plan.lead->name));
    keys.insert(TonicName(plan.key) + ModeName(plan.key.mode));
    styles.insert(std::string(plan.style->name));
    meters.insert(std::string(MeterName(plan.grid.meter)));
    drums.insert(plan.drums ? std::string(plan.drums->name) : "none");
    tempo_tens.insert(plan.named_bpm / 10);
    EXPECT_GE(plan.grid.bpm, 60);
    EXPECT_LE(plan.grid.bpm, 180);
  }
  EXPECT_GE(leads.size(), 20u);
  EXPECT_EQ(keys.size(), 24u);
  EXPECT_GE(styles.size(), 12u);
  EXPECT_EQ(meters.size(), 3u);
  EXPECT_GE(drums.size(), 8u);
  EXPECT_TRUE(drums.contains("none"));
  EXPECT_GE(tempo_tens.size(), 12u);
}

// If it fails: the melody leaves the harmony, and keys can no longer be heard.
TEST(Songs, MelodiesStayInTheScaleAndRestOnChordTones) {
  int strong = 0, on_tones = 0;
  for (int i = 1; i <= kSongs; ++i) {
    const Song song = ComposeSong(2, i);
    const SongPlan& plan = song.plan;
    for (const Section& section : song.sections) {
      const int steps = section.num_bars * StepsPerBar(plan.grid.meter);
      for (const Note& note : song.score.notes) {
        const double at = (note.start_s - section.start_s) / plan.grid.StepSeconds();
        if (note.part != Part::kLead || at < -0.5 || at > steps - 0.5) continue;
        const int step = std::max(0, static_cast<int>(at + 0.25));
        const Chord& chord = ChordAt(plan, section, step);
        EXPECT_TRUE(Contains(ScaleOver(plan.key, chord), note.pitch))
            << "song " << i << " at " << note.start_s;
        EXPECT_GE(note.pitch, plan.lead->low);
        EXPECT_LE(note.pitch, plan.lead->high);
        if (step % plan.steps_per_chord != 0) continue;
        ++strong;
        on_tones += Contains(ChordTones(chord), note.pitch);
      }
    }
  }
  EXPECT_GT(strong, 5000);
  EXPECT_EQ(on_tones, strong) << "notes where a chord begins that are not of the chord";
}

// If it fails: something sounds that does not belong to key or chord.
TEST(Songs, AccompanimentPlaysTheChords) {
  const Key key = {0, Mode::kMajor};
  for (int degree = 1; degree <= 7; ++degree) {
    const Chord chord = DiatonicChord(key, degree, true);
    const std::vector<int> voicing = Voicing(chord, 60);
    EXPECT_EQ(voicing.size(), ChordTones(chord).size());
    for (const int pitch : voicing) EXPECT_TRUE(Contains(ChordTones(chord), pitch));
    EXPECT_LT(voicing.back() - voicing.front(), 12);
  }
}

// If it fails: a seed no longer names one song, or two seeds name the same.
TEST(Songs, TheSameSeedGivesTheSameSong) {
  const Song a = ComposeSong(5, 17), b = ComposeSong(5, 17), c = ComposeSong(5, 18);
  ASSERT_EQ(a.score.notes.size(), b.score.notes.size());
  for (size_t i = 0; i < a.score.notes.size(); ++i) {
    EXPECT_EQ(a.score.notes[i].start_s, b.score.notes[i].start_s);
    EXPECT_EQ(a.score.notes[i].pitch, b.score.notes[i].pitch);
  }
  EXPECT_NE(a.score.length_s, c.score.length_s);
}

// If it fails: a clip runs over the end of its song, or its lists break the published format.
TEST(Clips, LieWithinTheirSongAndKeepTheFormat) {
  for (int i = 1; i <= kSongs; ++i) {
    const Song song = ComposeSong(3, i);
    for (const Clip& clip : CutClips(song, Random(i))) {
      const ClipFacts& facts = clip.facts;
      EXPECT_GE(clip.start_s, 0);
      EXPECT_LE(clip.start_s + kClipSeconds, song.score.length_s);
      EXPECT_EQ(facts.beat_times_s.size(), facts.beat_positions.size());
      EXPECT_EQ(facts.chords.size(), facts.chord_times_s.size());
      EXPECT_GE(facts.chords.size(), 2u);
      EXPECT_LE(facts.chords.size(), 11u);
      EXPECT_NEAR(static_cast<double>(facts.beat_times_s.size()), facts.bpm / 6.0, 1.01);
    }
  }
}

// If it fails: beats drift against the codec's frames, and a small model loses the tempo.
TEST(Clips, BeatsBeginWithFrames) {
  for (int i = 1; i <= kSongs; ++i) {
    const Song song = ComposeSong(4, i);
    for (const Clip& clip : CutClips(song, Random(i))) {
      for (const double time_s : clip.facts.beat_times_s) {
        EXPECT_NEAR(time_s * 50, std::round(time_s * 50), 1e-6) << "song " << i;
      }
      EXPECT_EQ(clip.facts.bpm, song.plan.grid.bpm);
      EXPECT_NEAR(clip.facts.named_bpm / clip.facts.bpm, 1, 0.03);
    }
  }
}

// If it fails: a clip is said to have drums that do not sound, or the other way round.
TEST(Clips, DrumsAreTrue) {
  for (int i = 1; i <= kSongs; ++i) {
    const Song song = ComposeSong(6, i);
    for (const Clip& clip : CutClips(song, Random(i))) {
      const auto strokes =
          std::count_if(song.score.notes.begin(), song.score.notes.end(), [&](const Note& note) {
            return note.part == Part::kDrums && note.start_s >= clip.start_s &&
                   note.start_s < clip.start_s + 9.9;
          });
      EXPECT_EQ(strokes > 0, clip.facts.drums != nullptr) << "song " << i << " at " << clip.start_s;
    }
  }
}

// If it fails: captions name an instrument, key, meter or tempo that the clip does not have.
TEST(Captions, SayNothingFalse) {
  std::set<std::string> texts;
  for (int i = 1; i <= kSongs; ++i) {
    const Song song = ComposeSong(7, i);
    Random random(i);
    const ClipFacts facts = CutClips(song, random).front().facts;
    const std::string caption = Describe(facts, random);
    texts.insert(caption);
    EXPECT_GE(caption.size(), 20u) << caption;
    EXPECT_LE(caption.size(), 1200u) << caption;
    EXPECT_EQ(caption.find('$'), std::string::npos) << "a template was not filled: " << caption;
    const bool names_lead =
        std::any_of(facts.lead->names.begin(), facts.lead->names.end(), [&](auto name) {
          std::string lower = caption, wanted(name);
          for (std::string* text : {&lower, &wanted})
            std::transform(text->begin(), text->end(), text->begin(), ::tolower);
          return lower.find(wanted) != std::string::npos;
        });
    EXPECT_TRUE(names_lead) << caption;
    const std::string other_mode = facts.key.mode == Mode::kMajor ? " minor" : " major";
    EXPECT_EQ(caption.find(other_mode), std::string::npos) << caption;
    const size_t bpm = caption.find(" bpm");
    if (bpm != std::string::npos) {
      EXPECT_EQ(
          caption.substr(caption.rfind(' ', bpm - 1) + 1, bpm - caption.rfind(' ', bpm - 1) - 1),
          std::to_string(facts.named_bpm))
          << caption;
    }
    const char* const false_meter = facts.meter == Meter::kThreeFour ? "4/4" : "3/4";
    EXPECT_EQ(caption.find(false_meter), std::string::npos) << caption;
    const char* const false_drums = facts.drums ? "no drums" : "with drums";
    EXPECT_EQ(caption.find(false_drums), std::string::npos) << caption;
  }
  EXPECT_GT(texts.size(), kSongs * 95u / 100u) << "captions repeat themselves";
}

// If it fails: control sentences do not carry the four facts that evaluation asks for.
TEST(Captions, ControlSentences) {
  const Song song = ComposeSong(8, 1);
  Random random(1);
  const ClipFacts facts = CutClips(song, random).front().facts;
  const ControlSentences controls = DescribeControls(facts, random);
  EXPECT_NE(controls.key.find(TonicName(facts.key) + " " + ModeName(facts.key.mode)),
            std::string::npos);
  EXPECT_NE(controls.chords.find(facts.chords.front()), std::string::npos);
  EXPECT_NE(controls.beats.find(std::to_string(BeatsPerBar(facts.meter))), std::string::npos);
  EXPECT_TRUE(controls.bpm.find(std::to_string(facts.named_bpm)) != std::string::npos ||
              controls.bpm.find(TempoWord(facts.bpm)) != std::string::npos);
}

}  // namespace
}  // namespace magnet
