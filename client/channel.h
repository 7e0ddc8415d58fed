// How the server is reached: address, TLS, key and deadline.
#ifndef MAGNET_CLIENT_CHANNEL_H_
#define MAGNET_CLIENT_CHANNEL_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/environment.h"
#include "client/option_table.h"
#include "client/parsed_options.h"

namespace magnet::client {

inline constexpr char kDefaultServer[] = "127.0.0.1:50051";

// The options that every command with a server has.
OptionGroup ConnectionOptionGroup();

// Where the server is and what it is shown. Contents of files, not their names.
struct Connection {
  std::string server = kDefaultServer;
  bool tls = false;
  std::string root_certificates;                      // PEM; empty: the system's
  std::string certificate_chain;                      // PEM; empty: none shown
  std::string private_key;                            // PEM
  std::string server_name;                            // name to verify instead of the address's
  std::string api_key;                                // empty: none
  absl::Duration timeout = absl::InfiniteDuration();  // of one call with its retries
};

// Reads options, key and certificate files, MAGNET_SERVER and MAGNET_API_KEY.
// INVALID_ARGUMENT: options that exclude or need each other, and a key over
// plain text to another machine; NOT_FOUND: a file that cannot be read.
absl::StatusOr<Connection> ReadConnection(const ParsedOptions& options,
                                          const Environment& environment);

// gRPC's own retries are off: RetryPolicy decides. Does not connect yet.
std::shared_ptr<grpc::Channel> OpenChannel(const Connection& connection);

// Sets the key, and `deadline` unless it is infinite.
void PrepareContext(const Connection& connection, absl::Time deadline,
                    grpc::ClientContext* context);

// Whether `server` ("HOST:PORT", "[::1]:PORT", "unix:PATH") is this machine.
bool IsLoopback(const std::string& server);

}  // namespace magnet::client

#endif  // MAGNET_CLIENT_CHANNEL_H_
