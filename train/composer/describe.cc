#include "train/composer/describe.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"

namespace magnet {
namespace {

using Words = std::vector<absl::string_view>;

// A copy of the text with each $name replaced.
std::string Fill(absl::string_view text,
                 std::initializer_list<std::pair<absl::string_view, std::string>> values) {
  return absl::StrReplaceAll(text, values);
}

std::string WithArticle(absl::string_view noun) {
  const char first = static_cast<char>(std::tolower(noun.front()));
  const bool vowel = absl::string_view("aeiou").find(first) != absl::string_view::npos;
  return absl::StrCat(vowel ? "an " : "a ", noun);
}

std::string Capitalised(std::string text) {
  text[0] = static_cast<char>(std::toupper(text[0]));
  return text;
}

// What mode and tempo together make a listener feel.
const Words& Moods(const ClipFacts& facts) {
  static const auto* bright =
      new Words{"happy", "cheerful", "upbeat", "joyful", "bright", "uplifting", "sunny"};
  static const auto* calm =
      new Words{"peaceful", "calm", "warm", "gentle", "tender", "serene", "relaxing"};
  static const auto* sad =
      new Words{"sad", "melancholic", "sorrowful", "wistful", "sombre", "mournful"};
  static const auto* dark =
      new Words{"dark", "tense", "dramatic", "serious", "brooding", "intense", "moody"};
  const bool fast = facts.bpm >= 100;
  if (facts.key.mode == Mode::kMajor) return fast ? *bright : *calm;
  return fast ? *dark : *sad;
}

const Words& TempoAdjectives(double bpm) {
  static const auto* all = new std::vector<Words>{
      {"very slow", "extremely slow"}, {"slow", "unhurried"},  {"moderate", "medium", "mid-tempo"},
      {"fast", "lively", "quick"},     {"very fast", "rapid"}, {"extremely fast", "breakneck"}};
  const size_t index = bpm < 70    ? 0
                       : bpm < 90  ? 1
                       : bpm < 110 ? 2
                       : bpm < 140 ? 3
                       : bpm < 160 ? 4
                                   : 5;
  return (*all)[index];
}

std::string KeyText(const Key& key, Random& random) {
  std::string tonic = TonicName(key);
  if (random.Chance(0.2)) {
    tonic = Fill(tonic, {{"C#", "Db"}, {"F#", "Gb"}, {"Eb", "D#"}, {"Ab", "G#"}, {"Bb", "A#"}});
  }
  if (random.Chance(0.25)) tonic = Fill(tonic, {{"#", " sharp"}, {"b", " flat"}});
  return absl::StrCat(tonic, " ", ModeName(key.mode));
}

std::string MeterText(Meter meter, Random& random) {
  static const auto* three = new Words{"3/4", "three-four", "triple"};
  static const auto* four = new Words{"4/4", "four-four", "common"};
  static const auto* six = new Words{"6/8", "six-eight", "compound 6/8"};
  const Words& words = meter == Meter::kThreeFour  ? *three
                       : meter == Meter::kFourFour ? *four
                                                   : *six;
  return std::string(random.Pick(words));
}

std::string Lead(const ClipFacts& facts, Random& random) {
  return std::string(random.Chance(0.6) ? facts.lead->names.front()
                                        : random.Pick(facts.lead->names));
}

std::string StyleText(const ClipFacts& facts, Random& random) {
  return std::string(random.Chance(0.5) ? facts.style->names.front()
                                        : random.Pick(facts.style->names));
}

std::string Mood(const ClipFacts& facts, Random& random) {
  return std::string(random.Pick(Moods(facts)));
}

std::string TempoAdjective(const ClipFacts& facts, Random& random) {
  return std::string(random.Pick(TempoAdjectives(facts.bpm)));
}

// "piano and upright bass": who accompanies, or some of them.
std::string Accompaniment(const ClipFacts& facts, Random& random) {
  std::vector<absl::string_view> players = {ProgramName(facts.comping_program)};
  const absl::string_view bass = ProgramName(facts.bass_program);
  if (random.Chance(0.6) && bass != players.front()) players.push_back(bass);
  if (facts.pad_program >= 0 && random.Chance(0.5)) {
    const absl::string_view pad = ProgramName(facts.pad_program);
    if (std::find(players.begin(), players.end(), pad) == players.end()) players.push_back(pad);
  }
  if (players.size() < 3) return absl::StrJoin(players, " and ");
  return absl::StrCat(players[0], ", ", players[1], " and ", players[2]);
}

std::string TempoSentence(const ClipFacts& facts, Random& random) {
  static const auto* texts = new Words{"The tempo is $adjective.",
                                       "It moves at a tempo of $bpm bpm.",
                                       "The tempo is $bpm bpm.",
                                       "It is played at $bpm beats per minute.",
                                       "The pace is $adjective, $bpm bpm.",
                                       "The piece has a $adjective tempo.",
                                       "The tempo is $word."};
  return Fill(random.Pick(*texts), {{"$adjective", TempoAdjective(facts, random)},
                                    {"$bpm", absl::StrCat(facts.named_bpm)},
                                    {"$word", TempoWord(facts.bpm)}});
}

std::string KeySentence(const ClipFacts& facts, Random& random) {
  static const auto* texts =
      new Words{"It is in $key.", "The key is $key.", "The music is in the key of $key.",
                "The piece is written in $key.", "The tonality is $key."};
  return Fill(random.Pick(*texts), {{"$key", KeyText(facts.key, random)}});
}

std::string MeterSentence(const ClipFacts& facts, Random& random) {
  static const auto* texts =
      new Words{"It is in $meter time.", "The meter is $meter.", "The time signature is $meter.",
                "The rhythm is in $meter time."};
  return Fill(random.Pick(*texts), {{"$meter", MeterText(facts.meter, random)}});
}

std::string DrumsSentence(const ClipFacts& facts, Random& random) {
  static const auto* with = new Words{
      "The drums play a $beat.", "A $beat keeps the time.", "There is a drum kit playing a $beat.",
      "Percussion: $beat.",      "It has drums.",           "The rhythm comes from a $beat."};
  static const auto* without =
      new Words{"There are no drums.", "There is no percussion.", "It has no drums.",
                "It is played without drums.", "No drums are heard."};
  if (!facts.drums) return std::string(random.Pick(*without));
  const std::string beat(facts.drums->name);
  return Fill(random.Pick(*with), {{"a $beat", WithArticle(beat)},
                                   {"A $beat", Capitalised(WithArticle(beat))},
                                   {"$beat", beat}});
}

std::string AccompanimentSentence(const ClipFacts& facts, Random& random) {
  static const auto* texts = new Words{
      "The accompaniment is $players.", "It is accompanied by $players.",
      "In the background: $players.", "Also heard: $players.", "The harmony comes from $players."};
  return Capitalised(Fill(random.Pick(*texts), {{"$players", Accompaniment(facts, random)}}));
}

std::string ChordsSentence(const ClipFacts& facts, Random& random) {
  static const auto* texts =
      new Words{"The chords are $chords.", "The chord progression is $chords.",
                "It goes through the chords $chords.", "The harmony moves through $chords."};
  return Fill(random.Pick(*texts), {{"$chords", absl::StrJoin(facts.chords, ", ")}});
}

std::string LeadSentence(const ClipFacts& facts, Random& random) {
  static const auto* texts =
      new Words{"A $mood $style piece with $a_lead playing the melody.",
                "This is $a_mood $style track led by $a_lead.",
                "$a_lead plays $a_mood melody over $style accompaniment.",
                "$a_mood $style tune featuring $a_lead.",
                "This $style song features $a_lead as the lead instrument and sounds $mood.",
                "An instrumental $style piece. $a_lead carries the melody. The mood is $mood.",
                "A $tempo $style piece played on the $lead.",
                "The $lead takes the lead in this $mood $style music.",
                "$mood $style music with a $lead melody.",
                "$a_lead melody in a $mood $style setting.",
                "This is $style music played by $a_lead with a band.",
                "$a_tempo, $mood $lead melody in $style style."};
  const std::string mood = Mood(facts, random);
  const std::string style = StyleText(facts, random);
  const std::string lead = Lead(facts, random);
  const std::string tempo = TempoAdjective(facts, random);
  std::string text =
      Fill(random.Pick(*texts), {{"A $mood", Capitalised(WithArticle(mood))},
                                 {"A $tempo", Capitalised(WithArticle(tempo))},
                                 {"a $mood", WithArticle(mood)},
                                 {"a $lead", WithArticle(lead)},
                                 {". $a_lead", ". " + Capitalised(WithArticle(lead))},
                                 {"$a_mood", WithArticle(mood)},
                                 {"$a_lead", WithArticle(lead)},
                                 {"$a_tempo", WithArticle(tempo)},
                                 {"$mood", mood},
                                 {"$style", style},
                                 {"$lead", lead},
                                 {"$tempo", tempo}});
  return Capitalised(text);
}

// "violin, sad waltz, A minor, 92 bpm, no drums"
std::string Keywords(const ClipFacts& facts, Random& random) {
  std::vector<std::string> words = {
      Lead(facts, random), absl::StrCat(Mood(facts, random), " ", StyleText(facts, random))};
  if (random.Chance(0.6)) words.push_back(KeyText(facts.key, random));
  if (random.Chance(0.6)) words.push_back(absl::StrCat(facts.named_bpm, " bpm"));
  if (random.Chance(0.3)) words.push_back(TempoAdjective(facts, random) + " tempo");
  if (random.Chance(0.4))
    words.push_back(facts.drums ? std::string(facts.drums->name) : "no drums");
  if (random.Chance(0.3)) words.push_back(MeterText(facts.meter, random) + " time");
  if (random.Chance(0.3)) words.push_back(Accompaniment(facts, random));
  for (size_t i = words.size() - 1; i > 0; --i) {
    std::swap(words[i], words[static_cast<size_t>(random.Integer(0, static_cast<int>(i)))]);
  }
  return absl::StrJoin(words, ", ");
}

// "Slow sad cello ballad in D minor"
std::string ShortPhrase(const ClipFacts& facts, Random& random) {
  std::string text = absl::StrCat(Mood(facts, random), " ", StyleText(facts, random));
  if (random.Chance(0.4)) text = absl::StrCat(TempoAdjective(facts, random), ", ", text);
  text = absl::StrCat(text, random.Chance(0.5) ? " with " : " for ", Lead(facts, random));
  if (random.Chance(0.5)) absl::StrAppend(&text, " in ", KeyText(facts.key, random));
  if (random.Chance(0.4)) absl::StrAppend(&text, " at ", facts.named_bpm, " bpm");
  if (random.Chance(0.3)) absl::StrAppend(&text, facts.drums ? ", with drums" : ", without drums");
  return Capitalised(text);
}

}  // namespace

std::string Describe(const ClipFacts& facts, Random& random) {
  const double form = random.Uniform();
  if (form < 0.15) return Keywords(facts, random);
  if (form < 0.3) return ShortPhrase(facts, random);
  using Sentence = std::string (*)(const ClipFacts&, Random&);
  struct Choice {
    Sentence sentence;
    double chance;
  };
  std::vector<Choice> choices = {{TempoSentence, 0.6},          {KeySentence, 0.6},
                                 {MeterSentence, 0.35},         {DrumsSentence, 0.5},
                                 {AccompanimentSentence, 0.45}, {ChordsSentence, 0.2}};
  for (size_t i = choices.size() - 1; i > 0; --i) {
    std::swap(choices[i], choices[static_cast<size_t>(random.Integer(0, static_cast<int>(i)))]);
  }
  std::string caption = LeadSentence(facts, random);
  for (const Choice& choice : choices) {
    if (random.Chance(choice.chance))
      absl::StrAppend(&caption, " ", choice.sentence(facts, random));
  }
  return caption;
}

ControlSentences DescribeControls(const ClipFacts& facts, Random& random) {
  static const auto* chords =
      new Words{"The chord sequence is $chords.", "The chord progression in this song is $chords."};
  static const auto* beats = new Words{"The beat counts to $beats.", "The beat is $beats."};
  static const auto* bpm =
      new Words{"The bpm is $bpm.", "The tempo of this song is $bpm beats per minute.",
                "This song goes at $bpm beats per minute.", "The tempo of this song is $word.",
                "This song is played in $word."};
  static const auto* key = new Words{"The key is $key.", "The key of this song is $key.",
                                     "This song is in the key of $key."};
  const std::string key_name = absl::StrCat(TonicName(facts.key), " ", ModeName(facts.key.mode));
  return {Fill(random.Pick(*chords), {{"$chords", absl::StrJoin(facts.chords, ", ")}}),
          Fill(random.Pick(*beats), {{"$beats", absl::StrCat(BeatsPerBar(facts.meter))}}),
          Fill(random.Pick(*bpm),
               {{"$bpm", absl::StrCat(facts.named_bpm)}, {"$word", TempoWord(facts.bpm)}}),
          Fill(random.Pick(*key), {{"$key", key_name}})};
}

std::string TempoWord(double bpm) {
  if (bpm < 60) return "Largo";
  if (bpm < 70) return "Adagio";
  if (bpm < 90) return "Andante";
  if (bpm < 110) return "Moderato";
  if (bpm < 140) return "Allegro";
  if (bpm < 160) return "Vivace";
  return "Presto";
}

}  // namespace magnet
