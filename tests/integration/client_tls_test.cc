// magnet-client against magnet-server over TLS: if these fail, people send their
// keys and prompts to whoever answers, or cannot call a protected server at all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "client/client_program.h"
#include "client/exit_code.h"
#include "tests/integration/certificates.h"
#include "tests/integration/server_harness.h"

namespace magnet::testing {
namespace {

using ::testing::HasSubstr;

class ClientTlsTest : public ::testing::Test {
 protected:
  void Serve(bool mutual) {
    server_ = std::make_unique<ServerHarness>([&](ServerConfig& config) {
      config.tls_certificate = certificates_.Path("server.pem");
      config.tls_key = certificates_.Path("server.key");
      if (mutual) config.tls_client_ca = certificates_.Path("ca.pem");
    });
  }

  // Generates a clip into `clip_`; the exit code.
  int Generate(const std::vector<std::string>& options) {
    std::filesystem::remove(clip_);
    std::vector<std::string> arguments = {
        "generate", "a test", "--seed", "1", "-d", "1", "-o", clip_, "-s", Address(), "--no-retry"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    std::istringstream in;
    std::ostringstream out;
    err_.str("");
    client::Interrupt interrupt;
    client::SystemClock clock(&interrupt);
    client::Environment environment;
    environment.in = &in;
    environment.out = &out;
    environment.err = &err_;
    environment.clock = &clock;
    environment.interrupt = &interrupt;
    return client::RunClient(arguments, environment);
  }

  std::string Address() { return server_->server().address(); }

  Certificates certificates_;
  std::unique_ptr<ServerHarness> server_;
  const std::string clip_ = ::testing::TempDir() + "/client_tls_test.wav";
  std::ostringstream err_;
};

TEST_F(ClientTlsTest, CallsAServerThatItTrusts) {
  Serve(/*mutual=*/false);
  EXPECT_EQ(Generate({"--ca", certificates_.Path("ca.pem")}), client::kExitOk) << err_.str();
  EXPECT_EQ(std::filesystem::file_size(clip_), 44u + 16000 * 2);
  EXPECT_EQ(Generate({"--ca", certificates_.Path("ca.pem"), "--server-name", "localhost"}),
            client::kExitOk)
      << err_.str();
}

TEST_F(ClientTlsTest, CallsNoServerThatItCannotTrust) {
  Serve(/*mutual=*/false);
  const Certificates others;
  EXPECT_EQ(Generate({"--ca", others.Path("ca.pem")}), client::kExitUnavailable);
  EXPECT_EQ(Generate({"--ca", certificates_.Path("ca.pem"), "--server-name", "music.example"}),
            client::kExitUnavailable)
      << "the certificate is not for that name";
  EXPECT_EQ(Generate({}), client::kExitUnavailable) << "plain text was accepted";
  EXPECT_FALSE(std::filesystem::exists(clip_));
  EXPECT_EQ(server_->control().created(), 0);
}

TEST_F(ClientTlsTest, ShowsItsCertificateWhereTheServerAsksForOne) {
  Serve(/*mutual=*/true);
  const std::string ca = certificates_.Path("ca.pem");
  EXPECT_EQ(Generate({"--ca", ca}), client::kExitUnavailable);
  EXPECT_EQ(Generate({"--ca", ca, "--cert", certificates_.Path("client.pem"), "--key",
                      certificates_.Path("client.key")}),
            client::kExitOk)
      << err_.str();
  const Certificates others;
  EXPECT_EQ(Generate({"--ca", ca, "--cert", others.Path("client.pem"), "--key",
                      others.Path("client.key")}),
            client::kExitUnavailable);
  EXPECT_EQ(server_->control().created(), 1);
}

}  // namespace
}  // namespace magnet::testing
