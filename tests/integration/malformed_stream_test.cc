// Damaged HTTP/2, as bytes on a socket: what a scanner or a broken proxy sends. A
// tenth of MAGNET_MUTATIONS, see malformed_request_test.cc.
#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "server/server_program.h"
#include "tests/integration/raw_connection.h"
#include "tests/integration/server_harness.h"
#include "tests/testing/mutation.h"

namespace magnet::testing {
namespace {

// Types and flags of frames, RFC 9113.
constexpr int kData = 0, kHeaders = 1, kPriority = 2, kRstStream = 3, kSettings = 4, kPing = 6,
              kGoAway = 7, kWindowUpdate = 8, kContinuation = 9;
constexpr int kEndStream = 1, kEndHeaders = 4;

// A header that is not indexed and not Huffman-coded, RFC 7541 section 6.2.2.
std::string Header(const std::string& name, const std::string& value) {
  return absl::StrCat(std::string(1, '\0'), std::string(1, static_cast<char>(name.size())), name,
                      std::string(1, static_cast<char>(value.size())), value);
}

std::string RequestHeaders(const std::string& path) {
  return absl::StrCat(Header(":method", "POST"), Header(":scheme", "http"), Header(":path", path),
                      Header(":authority", "localhost"), Header("te", "trailers"),
                      Header("content-type", "application/grpc"), Header("grpc-timeout", "20S"),
                      Header("x-request-id", "malformed"));
}

// A message with gRPC's prefix: not compressed, its length.
std::string Message(const std::string& bytes) {
  return absl::StrCat(std::string(4, '\0'), std::string(1, static_cast<char>(bytes.size())), bytes);
}

// One call, as gRPC's own clients make it.
std::string GenerateStream() {
  return absl::StrCat(
      Http2Preface(),
      Http2Frame(kHeaders, kEndHeaders, 1, RequestHeaders("/magnet.v1.MusicService/Generate")),
      Http2Frame(kData, kEndStream, 1,
                 Message(ServerHarness::Request(1, 0.1).SerializeAsString())));
}

std::vector<std::string> StreamCorpus() {
  const std::string four(4, '\0'), eight(8, '\0');
  const std::string headers = RequestHeaders("/magnet.v1.MusicService/Generate");
  return {GenerateStream(),
          // A cancelled call, headers in two frames, and every other frame that a client may send.
          absl::StrCat(Http2Preface(), Http2Frame(kHeaders, 0, 1, headers.substr(0, 40)),
                       Http2Frame(kContinuation, kEndHeaders, 1, headers.substr(40)),
                       Http2Frame(kWindowUpdate, 0, 0, std::string("\0\0\x10\0", 4)),
                       Http2Frame(kWindowUpdate, 0, 1, std::string("\0\0\x10\0", 4)),
                       Http2Frame(kPriority, 0, 1, four + "\x10"), Http2Frame(kPing, 0, 0, eight),
                       Http2Frame(kRstStream, 0, 1, std::string("\0\0\0\x08", 4)),
                       Http2Frame(kGoAway, 0, 0, eight)),
          // Settings, then several calls of other services at once.
          absl::StrCat(
              Http2Preface(), Http2Frame(kSettings, 0, 0, std::string("\0\4\0\1\0\0", 6)),
              Http2Frame(kHeaders, kEndHeaders, 1,
                         RequestHeaders("/magnet.v1.MusicService/ListModels")),
              Http2Frame(kData, kEndStream, 1, Message("")),
              Http2Frame(kHeaders, kEndHeaders, 3, RequestHeaders("/grpc.health.v1.Health/Watch")),
              Http2Frame(kData, kEndStream, 3, Message("")),
              Http2Frame(kHeaders, kEndHeaders, 5,
                         RequestHeaders("/grpc.reflection.v1alpha.ServerReflection/"
                                        "ServerReflectionInfo")),
              Http2Frame(kData, 0, 5, Message(std::string("\x3a\0", 2))))};
}

TEST(MalformedStreamTest, EachIsClosedAndNoPlaceStaysTaken) {
  SilenceLibraries();
  const int count = std::max(1, NumMutations(/*fallback=*/5000) / 10);
  // A file instead of a port: a hundred thousand connections would use up the ports.
  const std::string path = ::testing::TempDir() + "/malformed_stream_test.sock";
  ServerHarness server([&](ServerConfig& config) {
    config.listen = "unix:" + path;
    config.max_duration_seconds = 1;
    config.max_total_steps = 20;
  });
  {  // What is damaged must be right to begin with.
    RawConnection control(server.server().address());
    control.Send(GenerateStream());
    ASSERT_TRUE(server.log().AwaitRequests(1));
    EXPECT_NE(server.log().requests()[0].find("\"code\":\"OK\""), std::string::npos);
    EXPECT_TRUE(control.ReadUntil("grpc-status"));
  }

  const std::vector<std::string> corpus = StreamCorpus();
  Mutator mutator(/*seed=*/2);
  for (int i = 0; i < count; ++i) {
    RawConnection connection(server.server().address());
    connection.Send(mutator.Mutate(corpus));
    connection.EndSending();
    ASSERT_TRUE(connection.ReadToTheEnd()) << "connection " << i << " is stuck";
    if (i % 1000 != 999) continue;
    ASSERT_TRUE(server.AwaitMetric("magnet_requests_running", 0)) << "after connection " << i;
    EXPECT_EQ(server.control().created(), server.control().destroyed());
    server.control().ResetCounts();
    server.log().Forget();
  }
  EXPECT_TRUE(server.AwaitMetric("magnet_connections", 0)) << "a connection is still open";
  EXPECT_TRUE(server.AwaitMetric("magnet_requests_running", 0));
  EXPECT_TRUE(server.AwaitMetric("magnet_requests_waiting", 0));
  EXPECT_EQ(server.control().created(), server.control().destroyed());
  EXPECT_TRUE(server.Generate(ServerHarness::Request(1, 1)).status.ok());
}

}  // namespace
}  // namespace magnet::testing
