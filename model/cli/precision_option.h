// --precision, for the commands that compute.
#ifndef MAGNET_MODEL_CLI_PRECISION_OPTION_H_
#define MAGNET_MODEL_CLI_PRECISION_OPTION_H_

#include <CLI/CLI.hpp>
#include <string>

#include "model/precision.h"

namespace magnet {

// Adds the option, by default auto, which is stored in `precision`.
inline void AddPrecisionOption(CLI::App& command, Precision& precision, const std::string& what) {
  precision = Precision::kAuto;
  command.add_option("--precision", precision, what)
      ->transform(CLI::CheckedTransformer(PrecisionNames(), CLI::ignore_case))
      ->default_str("auto");
}

}  // namespace magnet

#endif  // MAGNET_MODEL_CLI_PRECISION_OPTION_H_
