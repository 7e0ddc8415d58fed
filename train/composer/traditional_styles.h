// Styles with a history: jazz, waltz, march and their like.
#ifndef MAGNET_TRAIN_COMPOSER_TRADITIONAL_STYLES_H_
#define MAGNET_TRAIN_COMPOSER_TRADITIONAL_STYLES_H_

#include <vector>

#include "train/composer/style.h"

namespace magnet {

std::vector<Style> MakeTraditionalStyles();

}  // namespace magnet

#endif  // MAGNET_TRAIN_COMPOSER_TRADITIONAL_STYLES_H_
