// If one of these fails, music has another tempo than the number in its prompt.
#include "model/named_tempo.h"

#include <gtest/gtest.h>

namespace magnet {
namespace {

TEST(NamedTempoTest, ReadsHowTemposAreWritten) {
  EXPECT_EQ(NamedTempo("calm harp, 81 bpm, no drums"), 81);
  EXPECT_EQ(NamedTempo("Rock at 128BPM."), 128);
  EXPECT_EQ(NamedTempo("a 97.5-bpm groove"), 97.5);
  EXPECT_EQ(NamedTempo("The bpm is 122. The beat is 4."), 122);
  EXPECT_EQ(NamedTempo("BPM: 90"), 90);
  EXPECT_EQ(NamedTempo("bpm=90, calm"), 90);
  EXPECT_EQ(NamedTempo("with a bpm of 64"), 64);
  EXPECT_EQ(NamedTempo("The tempo of this song is 112 beats per minute."), 112);
  EXPECT_EQ(NamedTempo("sixty, or 60 beats a minute"), 60);
}

TEST(NamedTempoTest, OtherNumbersAreNoTempo) {
  for (const char* text :
       {"", "80s synth pop", "in 6/8 time, F#7", "The beat counts to 4.", "bpm", "4 beats per bar",
        "fast, allegro", "120", "slow bpm, 80s synth pop", "high-bpm 90s techno"}) {
    EXPECT_EQ(NamedTempo(text), std::nullopt) << text;
  }
}

TEST(NamedTempoTest, TheFirstOfSeveralHolds) {
  EXPECT_EQ(NamedTempo("in 4/4, 100 bpm, then 140 bpm"), 100);
}

}  // namespace
}  // namespace magnet
