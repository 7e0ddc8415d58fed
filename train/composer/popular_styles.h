// Styles of today: pop, rock, house and their like.
#ifndef MAGNET_TRAIN_COMPOSER_POPULAR_STYLES_H_
#define MAGNET_TRAIN_COMPOSER_POPULAR_STYLES_H_

#include <vector>

#include "train/composer/style.h"

namespace magnet {

std::vector<Style> MakePopularStyles();

}  // namespace magnet

#endif  // MAGNET_TRAIN_COMPOSER_POPULAR_STYLES_H_
