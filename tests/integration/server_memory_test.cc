// A server lives for months: what a request leaves behind adds up.
#include <gtest/gtest.h>
#include <malloc.h>

#include <thread>
#include <vector>

#include "tests/integration/server_harness.h"

// Of the sanitizers; not there without one. The address sanitizer counts what was freed until it
// is used again, which it delays unless told otherwise.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" size_t __sanitizer_get_current_allocated_bytes() __attribute__((weak));
extern "C" const char* __asan_default_options() {
  return "quarantine_size_mb=0:thread_local_quarantine_size_kb=0";
}
// NOLINTEND(bugprone-reserved-identifier)

namespace magnet::testing {
namespace {

constexpr int kClients = 4;
constexpr int kWarmUp = 2000;
// Rounding of what gRPC and the allocator keep for later, spread over the requests.
constexpr double kFlat = 16;  // bytes per request

// Bytes of the heap that are in use. The sanitizers have an allocator of their own.
double HeapBytes() {
  if (__sanitizer_get_current_allocated_bytes != nullptr) {
    return static_cast<double>(__sanitizer_get_current_allocated_bytes());
  }
  const struct mallinfo2 heap = mallinfo2();
  return static_cast<double>(heap.uordblks + heap.hblkhd);
}

// Sends small requests over a few connections that stay, every tenth a wrong one, then frees what
// the test itself has kept.
void Serve(ServerHarness& server, const std::vector<std::unique_ptr<v1::MusicService::Stub>>& stubs,
           int requests) {
  std::vector<std::thread> clients;
  for (const auto& stub : stubs) {
    clients.emplace_back([&stub, share = requests / static_cast<int>(stubs.size())] {
      for (int i = 0; i < share; ++i) {
        grpc::ClientContext context;
        const double seconds = i % 10 == 9 ? -1 : 0.02;
        const auto reader = stub->Generate(&context, ServerHarness::Request(1, seconds));
        EXPECT_EQ(ReadAll(context, *reader).status.ok(), seconds > 0);
      }
    });
  }
  for (std::thread& client : clients) client.join();
  ASSERT_TRUE(server.AwaitMetric("magnet_requests_running", 0));
  ASSERT_TRUE(server.AwaitMetric("magnet_stream_backlog_bytes", 0));
  server.log().Forget();
  server.control().ResetCounts();
}

double BytesKeptPerRequest(ServerHarness& server, int requests) {
  std::vector<std::unique_ptr<v1::MusicService::Stub>> stubs;
  for (int i = 0; i < kClients; ++i) stubs.push_back(server.Stub());
  Serve(server, stubs, kWarmUp);
  const double before = HeapBytes();
  Serve(server, stubs, requests);
  return (HeapBytes() - before) / requests;
}

TEST(ServerMemoryTest, IsFlatOver10000Requests) {
  ServerHarness server;
  EXPECT_LT(BytesKeptPerRequest(server, 10'000 - kWarmUp), kFlat);
}

// The control: an engine that keeps 64 bytes of every clip must be found out.
TEST(ServerMemoryTest, ALeakOf64BytesPerRequestIsSeen) {
  ServerHarness server;
  server.control().RetainPerGeneration(64);
  EXPECT_GT(BytesKeptPerRequest(server, 2000), kFlat);
}

}  // namespace
}  // namespace magnet::testing
