// What is said of a finished clip and of a failed call.
#ifndef MAGNET_CLIENT_CLIP_REPORT_H_
#define MAGNET_CLIENT_CLIP_REPORT_H_

#include <nlohmann/json.hpp>
#include <string>

#include "client/generate_call.h"

namespace magnet::client {

// "out.wav: 10.0 s of music in 4.2 s, real-time factor 0.42, seed 7, 96 bpm, default". The
// factor is compute time over audio time, as in the server's metrics: under 1
// is faster than real time. `path` may be empty; tempos that nobody knows are left out.
std::string ClipSummary(const GenerateOutcome& outcome, const std::string& path, bool unicode);

// All of Finished and Started, the client's own times, and "file" if `path` is
// not empty. Times are in seconds, the seed is a number.
nlohmann::json ClipJson(const GenerateOutcome& outcome, const std::string& path);

// compute_seconds / audio_seconds; 0 where there is no audio.
double RealTimeFactor(const v1::Finished& finished);

// One line of JSON. Bytes that are not UTF-8 are replaced.
std::string JsonLine(const nlohmann::json& json);

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_CLIP_REPORT_H_
