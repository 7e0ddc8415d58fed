// Generates a clip: generate PROMPT OUT.wav [ADDRESS]
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "magnet/v1/music.grpc.pb.h"

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s PROMPT OUT.wav [ADDRESS]\n", argv[0]);
    return 2;
  }
  const std::string address = argc > 3 ? argv[3] : "127.0.0.1:50051";
  const auto stub = magnet::v1::MusicService::NewStub(
      grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));

  magnet::v1::GenerateRequest request;
  request.set_prompt(argv[1]);
  request.set_duration_seconds(5);
  request.mutable_output()->set_format(magnet::v1::AUDIO_FORMAT_WAV_S16);

  grpc::ClientContext context;
  const auto reader = stub->Generate(&context, request);
  std::ofstream file(argv[2], std::ios::binary);
  magnet::v1::GenerateResponse response;
  while (reader->Read(&response)) {
    if (response.has_audio_chunk()) file << response.audio_chunk().data();
    if (response.has_finished()) {
      std::printf("%s: %.2f s, seed %llu\n", argv[2], response.finished().audio_seconds(),
                  static_cast<unsigned long long>(response.finished().seed()));
    }
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) std::fprintf(stderr, "error: %s\n", status.error_message().c_str());
  return status.ok() && file ? 0 : 1;
}
