// magnet-train: makes data and models for magnet-server.

#include <vector>

#include "model/heap.h"
#include "train/cli/command.h"
#include "train/codec_command.h"
#include "train/compose_command.h"
#include "train/encode_command.h"
#include "train/lm_command.h"
#include "train/regenerate_command.h"

int main(int argc, char** argv) {
  magnet::KeepFreedMemory();
  const std::vector<magnet::Command> commands = {
      {"compose", "writes a data set of our own: composed, rendered and described music",
       magnet::RunCompose},
      {"codec", "trains the codec: audio to codes and back", magnet::RunCodec},
      {"encode", "turns the audio of a data set into codes", magnet::RunEncode},
      {"lm", "trains the language model, and the text encoder along with it", magnet::RunLm},
      {"regenerate", "has a language model write clips' codes, for a codec's decoder to learn from",
       magnet::RunRegenerate},
  };
  return magnet::RunCommand(commands, argc, argv);
}
