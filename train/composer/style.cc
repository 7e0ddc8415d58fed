#include "train/composer/style.h"

#include <utility>

#include "train/composer/popular_styles.h"
#include "train/composer/traditional_styles.h"

namespace magnet {

const std::vector<Style>& Styles() {
  static const auto* styles = [] {
    auto* all = new std::vector<Style>(MakePopularStyles());
    for (Style& style : MakeTraditionalStyles()) all->push_back(std::move(style));
    return all;
  }();
  return *styles;
}

const Figures* FindFigures(const Style& style, Meter meter) {
  for (const Figures& figures : style.figures) {
    if (figures.meter == meter) return &figures;
  }
  return nullptr;
}

}  // namespace magnet
