// A client that asks for a long clip, says "k" when its work has begun, and then
// waits to be killed.
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include "magnet/v1/music.grpc.pb.h"

int main(int, char** argv) {
  const auto stub = magnet::v1::MusicService::NewStub(
      grpc::CreateChannel(argv[1], grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  magnet::v1::GenerateRequest request;
  request.set_duration_seconds(600);
  const auto reader = stub->Generate(&context, request);
  magnet::v1::GenerateResponse response;
  if (!reader->Read(&response) || !response.has_started()) return 1;
  if (write(STDOUT_FILENO, "k", 1) != 1) return 1;
  pause();
}
