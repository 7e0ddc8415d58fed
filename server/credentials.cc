#include "server/credentials.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/ssl.h>

#include "absl/strings/str_cat.h"

namespace magnet {
namespace {

constexpr unsigned int kRefreshSeconds = 1;

struct SslContextDeleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

absl::Status FileError(const std::string& path, const char* expected) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": expected ", expected));
}

}  // namespace

absl::Status CheckTlsFiles(const TlsFiles& files) {
  const std::unique_ptr<SSL_CTX, SslContextDeleter> context(SSL_CTX_new(TLS_server_method()));
  if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1) {
    return FileError(files.certificate, "a readable PEM certificate");
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    return FileError(files.key, "the readable PEM key of the certificate");
  }
  if (!files.client_ca.empty() &&
      SSL_CTX_load_verify_file(context.get(), files.client_ca.c_str()) != 1) {
    return FileError(files.client_ca, "readable PEM certificates of an authority");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const TlsFiles& files) {
  if (!files.enabled()) return grpc::InsecureServerCredentials();
  if (absl::Status status = CheckTlsFiles(files); !status.ok()) return status;
  namespace tls = grpc::experimental;
  const bool mutual = !files.client_ca.empty();
  tls::TlsServerCredentialsOptions options(
      mutual ? std::make_shared<tls::FileWatcherCertificateProvider>(
                   files.key, files.certificate, files.client_ca, kRefreshSeconds)
             : std::make_shared<tls::FileWatcherCertificateProvider>(files.key, files.certificate,
                                                                     kRefreshSeconds));
  options.watch_identity_key_cert_pairs();
  if (mutual) options.watch_root_certs();
  options.set_cert_request_type(mutual ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                       : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  return tls::TlsServerCredentials(options);
}

}  // namespace magnet
