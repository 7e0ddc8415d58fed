// Who may connect and call.
#include <gmock/gmock.h>
#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/credentials.h"
#include "tests/integration/certificates.h"
#include "tests/integration/server_harness.h"

namespace magnet::testing {
namespace {

using ::testing::HasSubstr;

const Certificates& TestCertificates() {
  static const auto* certificates = new Certificates;
  return *certificates;
}

grpc::Status ListOver(const ServerHarness& server,
                      const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto stub = v1::MusicService::NewStub(grpc::CreateCustomChannel(
      const_cast<ServerHarness&>(server).server().address(), credentials, arguments));
  grpc::ClientContext context;
  v1::ListModelsResponse response;
  return stub->ListModels(&context, {}, &response);
}

void UseTls(ServerConfig& config) {
  config.tls_certificate = TestCertificates().Path("server.pem");
  config.tls_key = TestCertificates().Path("server.key");
}

TEST(TlsTest, ServesClientsThatTrustItAndNotPlainText) {
  ServerHarness server(UseTls);
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = TestCertificates().Text("ca.pem");
  EXPECT_TRUE(ListOver(server, grpc::SslCredentials(options)).ok());
  EXPECT_FALSE(ListOver(server, grpc::InsecureChannelCredentials()).ok());
}

TEST(TlsTest, MutualTlsRefusesClientsWithoutACertificate) {
  ServerHarness server([](ServerConfig& config) {
    UseTls(config);
    config.tls_client_ca = TestCertificates().Path("ca.pem");
  });
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = TestCertificates().Text("ca.pem");
  EXPECT_FALSE(ListOver(server, grpc::SslCredentials(options)).ok());
  options.pem_cert_chain = TestCertificates().Text("client.pem");
  options.pem_private_key = TestCertificates().Text("client.key");
  EXPECT_TRUE(ListOver(server, grpc::SslCredentials(options)).ok());
}

// The name in the certificate that a new connection is shown; empty when there is none.
std::string CertificateName(const std::string& address, const std::string& authority) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = authority;
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto stub = v1::MusicService::NewStub(
      grpc::CreateCustomChannel(address, grpc::SslCredentials(options), arguments));
  grpc::ClientContext context;
  v1::ListModelsResponse response;
  if (!stub->ListModels(&context, {}, &response).ok()) return "";
  const auto names = context.auth_context()->FindPropertyValues(GRPC_X509_CN_PROPERTY_NAME);
  return names.empty() ? "" : std::string(names[0].data(), names[0].size());
}

// Certificates are renewed every few weeks: if this fails, that costs a restart, or clips.
TEST(TlsTest, NewCertificatesAreShownToNewConnectionsAndRunningStreamsGoOn) {
  Certificates certificates;
  certificates.Issue("before");
  certificates.Issue("after");
  certificates.Install("before", "live");
  ServerHarness server([&](ServerConfig& config) {
    config.tls_certificate = certificates.Path("live.pem");
    config.tls_key = certificates.Path("live.key");
  });
  const std::string address = server.server().address();
  const std::string authority = certificates.Text("ca.pem");
  EXPECT_EQ(CertificateName(address, authority), "before");

  server.control().CloseGate();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = authority;
  const auto stub =
      v1::MusicService::NewStub(grpc::CreateChannel(address, grpc::SslCredentials(options)));
  grpc::ClientContext context;
  const auto reader = stub->Generate(&context, ServerHarness::Request(1, 4));
  v1::GenerateResponse started;
  ASSERT_TRUE(reader->Read(&started));

  certificates.Install("after", "live");
  server.server().Reload();
  // gRPC looks at the files once a second and tells nobody.
  const absl::Time limit = absl::Now() + absl::Seconds(30);
  std::string name;
  while (name != "after" && absl::Now() < limit) name = CertificateName(address, authority);
  EXPECT_EQ(name, "after");
  server.control().OpenGate();
  EXPECT_TRUE(ReadAll(context, *reader).status.ok());
}

TEST(TlsTest, FilesThatDoNotFitAreNamed) {
  const auto message = [](const TlsFiles& files) {
    return std::string(CheckTlsFiles(files).message());
  };
  const Certificates& files = TestCertificates();
  EXPECT_THAT(message({"/none.pem", files.Path("server.key"), ""}), HasSubstr("/none.pem"));
  EXPECT_THAT(message({files.Path("server.pem"), files.Path("client.key"), ""}),
              HasSubstr("client.key"));
  EXPECT_THAT(
      message({files.Path("server.pem"), files.Path("server.key"), files.Path("server.key")}),
      HasSubstr("server.key: expected readable PEM certificates"));
  EXPECT_EQ(message({files.Path("server.pem"), files.Path("server.key"), files.Path("ca.pem")}),
            "");
}

TEST(ApiKeyTest, CallsNeedAKeyAndItsLimitsHold) {
  const std::string path = ::testing::TempDir() + "/keys.yaml";
  std::ofstream(path) << "keys:\n  - name: studio\n    max_waiting: 1\n    sha256: "
                         "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\n";
  ServerHarness server([&](ServerConfig& config) { config.api_keys = path; });
  CallResult result = server.Generate(ServerHarness::Request(1, 1));
  EXPECT_EQ(result.status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(result.reason, "KEY_MISSING");
  grpc::ClientContext list_context;
  v1::ListModelsResponse list;
  EXPECT_EQ(server.Stub()->ListModels(&list_context, {}, &list).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);

  const auto with_key = [](grpc::ClientContext& context) {
    context.AddMetadata("authorization", "Bearer secret");
  };
  server.control().CloseGate();
  OpenCall running(server, ServerHarness::Request(1, 1), with_key);
  ASSERT_TRUE(server.control().AwaitStepCalls(1));
  OpenCall queued(server, ServerHarness::Request(2, 1), with_key);
  ASSERT_TRUE(server.AwaitMetric("magnet_requests_waiting", 1));
  OpenCall refused(server, ServerHarness::Request(3, 1), with_key);
  EXPECT_EQ(refused.Finish().reason, "KEY_QUEUE_FULL");
  server.control().OpenGate();
  EXPECT_TRUE(running.Finish().status.ok());
  EXPECT_TRUE(queued.Finish().status.ok());
  EXPECT_EQ(server.Metric("magnet_rejected_total{reason=\"KEY_MISSING\"}"), 1);

  std::ofstream(path) << "keys: []\n";
  server.server().Reload();
  EXPECT_EQ(OpenCall(server, ServerHarness::Request(1, 1), with_key).Finish().reason,
            "KEY_UNKNOWN");
}

TEST(ListenTest, APortThatIsTakenIsAnError) {
  ServerHarness server;
  ServerConfig config;
  config.listen = server.server().address();
  config.metrics_listen = "";
  std::ostream none(nullptr);
  const auto second = Server::Listen(config, none, Clock::Real());
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("cannot listen on"));
}

}  // namespace
}  // namespace magnet::testing
