// SHA-256 checksums.
#ifndef MAGNET_MODEL_CHECKPOINT_SHA256_H_
#define MAGNET_MODEL_CHECKPOINT_SHA256_H_

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace magnet {

// Of bytes that come part by part.
class Sha256 {
 public:
  Sha256();
  ~Sha256();

  void Add(std::string_view bytes);
  // Of all that was added: 64 lower-case hexadecimal digits. Call it once, last.
  std::string Hex();

 private:
  const std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
};

// 64 lower-case hexadecimal digits.
std::string Sha256Hex(std::string_view bytes);

}  // namespace magnet

#endif  // MAGNET_MODEL_CHECKPOINT_SHA256_H_
