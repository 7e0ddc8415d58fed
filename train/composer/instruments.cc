#include "train/composer/instruments.h"

#include "absl/strings/string_view.h"

namespace magnet {

const std::vector<LeadInstrument>& LeadInstruments() {
  static const auto* instruments = new std::vector<LeadInstrument>{
      {"piano", {"piano", "grand piano", "acoustic piano"}, 0, 65, 86, true},
      {"electric piano", {"electric piano", "Rhodes piano", "e-piano"}, 4, 62, 83, true},
      {"harpsichord", {"harpsichord"}, 6, 62, 84, true},
      {"music box", {"music box"}, 10, 72, 93, true},
      {"vibraphone", {"vibraphone"}, 11, 65, 86, true},
      {"marimba", {"marimba"}, 12, 60, 81, true},
      {"church organ", {"church organ", "pipe organ", "organ"}, 19, 62, 81, false},
      {"accordion", {"accordion"}, 21, 62, 83, false},
      {"harmonica", {"harmonica"}, 22, 64, 84, false},
      {"acoustic guitar",
       {"acoustic guitar", "nylon-string guitar", "classical guitar"},
       24,
       57,
       79,
       true},
      {"electric guitar",
       {"electric guitar", "distorted guitar", "distorted electric guitar"},
       30,
       55,
       77,
       false},
      {"violin", {"violin", "fiddle"}, 40, 65, 86, false},
      {"cello", {"cello"}, 42, 45, 65, false},
      {"choir", {"choir", "vocal choir", "choir of voices"}, 52, 58, 77, false},
      {"trumpet", {"trumpet"}, 56, 60, 79, false},
      {"saxophone", {"saxophone", "sax", "tenor saxophone"}, 66, 53, 73, false},
      {"clarinet", {"clarinet"}, 71, 58, 79, false},
      {"flute", {"flute"}, 73, 67, 88, false},
      {"synthesizer", {"synthesizer", "synth lead", "sawtooth synth"}, 81, 60, 81, false},
      {"sitar", {"sitar"}, 104, 58, 79, true},
      {"banjo", {"banjo"}, 105, 60, 81, true},
      {"steel drums", {"steel drum", "steel pan", "steelpan"}, 114, 62, 83, true},
  };
  return *instruments;
}

absl::string_view ProgramName(int program) {
  switch (program) {
    case 0:
      return "piano";
    case 4:
      return "electric piano";
    case 6:
      return "harpsichord";
    case 16:
      return "organ";
    case 24:
      return "acoustic guitar";
    case 25:
      return "steel-string guitar";
    case 26:
      return "jazz guitar";
    case 27:
      return "clean electric guitar";
    case 28:
      return "muted guitar";
    case 32:
      return "upright bass";
    case 33:
      return "electric bass";
    case 36:
      return "slap bass";
    case 38:
      return "synth bass";
    case 45:
      return "pizzicato strings";
    case 46:
      return "harp";
    case 48:
      return "strings";
    case 58:
      return "tuba";
    case 61:
      return "brass";
    case 88:
      return "synth pad";
    case 89:
      return "warm pad";
    default:
      return "";
  }
}

}  // namespace magnet
