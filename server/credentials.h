// What protects the connections: TLS, mutual TLS or plain text.
#ifndef MAGNET_SERVER_CREDENTIALS_H_
#define MAGNET_SERVER_CREDENTIALS_H_

#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace magnet {

// PEM files; all empty: plain text.
struct TlsFiles {
  std::string certificate;  // the server's, with its chain
  std::string key;          // of the certificate
  std::string client_ca;    // not empty: clients must show a certificate of this authority

  bool enabled() const { return !certificate.empty(); }
};

// Whether the files are there, are what they should be and fit each other. Errors
// name the file.
absl::Status CheckTlsFiles(const TlsFiles& files);

// Credentials that look at the files every second, so that new connections get new
// certificates without a restart; open ones keep theirs. Errors as CheckTlsFiles.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const TlsFiles& files);

}  // namespace magnet

#endif  // MAGNET_SERVER_CREDENTIALS_H_
