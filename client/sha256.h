// SHA-256 of bytes that come in pieces.
#ifndef MAGNET_CLIENT_SHA256_H_
#define MAGNET_CLIENT_SHA256_H_

#include <memory>
#include <string>

struct evp_md_ctx_st;

namespace magnet::client {

class Sha256 {
 public:
  Sha256();
  void Update(const std::string& data);
  // The 32 bytes. Ends the computation.
  std::string Finish();

 private:
  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
};

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_SHA256_H_
