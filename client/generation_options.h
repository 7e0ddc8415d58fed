// The options that say what to generate, and the request made of them.
#ifndef MAGNET_CLIENT_GENERATION_OPTIONS_H_
#define MAGNET_CLIENT_GENERATION_OPTIONS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/environment.h"
#include "client/option_table.h"
#include "client/parsed_options.h"
#include "magnet/v1/music.pb.h"

namespace magnet::client {

// --seconds, --seed, --model, sampling, schedule, --priority: what `generate`
// and `load` share.
std::vector<OptionGroup> SamplingOptionGroups();

// Prompts and given audio: `generate` alone.
std::vector<OptionGroup> PromptOptionGroups();

// --format.
Option FormatOption();

// The request without prompt, given audio and format. INVALID_ARGUMENT names
// the option.
absl::StatusOr<v1::GenerateRequest> ReadSamplingRequest(const ParsedOptions& options);

// The whole request but for the format. Reads the files it names, and
// `environment.in` for "-". An empty prompt is allowed only by --no-prompt.
absl::StatusOr<v1::GenerateRequest> ReadGenerateRequest(const ParsedOptions& options,
                                                        const Environment& environment);

// Format by --format, or else by the extension of `path`; WAV where neither
// says. INVALID_ARGUMENT: an extension that stands for no format.
absl::StatusOr<v1::AudioFormat> ChooseFormat(const ParsedOptions& options, const std::string& path);

// "wav", "pcm", ...: the value of --format.
std::string FormatName(v1::AudioFormat format);

// The usual extension without its dot.
std::string FormatExtension(v1::AudioFormat format);

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_GENERATION_OPTIONS_H_
