// Which stages attend to a window of frames alone.
#ifndef MAGNET_MODEL_MAGNET_SUBCODES_WINDOW_H_
#define MAGNET_MODEL_MAGNET_SUBCODES_WINDOW_H_

#include "model/model_config.h"

namespace magnet {

// Whether a frame of `stage` sees only those within config.subcodes_context of it.
inline bool IsWindowed(const LmConfig& config, int stage) {
  return stage > 0 && config.subcodes_attention == SubcodesAttention::kWindow &&
         config.subcodes_context >= 0;
}

}  // namespace magnet

#endif  // MAGNET_MODEL_MAGNET_SUBCODES_WINDOW_H_
