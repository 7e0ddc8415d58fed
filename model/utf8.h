// Whether text is UTF-8.
#ifndef MAGNET_MODEL_UTF8_H_
#define MAGNET_MODEL_UTF8_H_

#include <string_view>

namespace magnet {

// Well-formed as Unicode 15 table 3-7 has it: no overlong forms, no surrogates,
// nothing over U+10FFFF.
bool IsUtf8(std::string_view text);

}  // namespace magnet

#endif  // MAGNET_MODEL_UTF8_H_
