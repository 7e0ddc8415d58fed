// magnet.v1.MusicService: hands each call on and returns.
#ifndef MAGNET_SERVER_MUSIC_SERVICE_H_
#define MAGNET_SERVER_MUSIC_SERVICE_H_

#include "magnet/v1/music.grpc.pb.h"
#include "server/generate_call.h"

namespace magnet {

// Thread-safe.
class MusicService : public v1::MusicService::CallbackService {
 public:
  explicit MusicService(const CallEnvironment& environment) : environment_(environment) {}

  grpc::ServerWriteReactor<v1::GenerateResponse>* Generate(
      grpc::CallbackServerContext* context, const v1::GenerateRequest* request) override;

  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const v1::GetModelRequest* request,
                                     v1::GetModelResponse* response) override;

  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context,
                                       const v1::ListModelsRequest* request,
                                       v1::ListModelsResponse* response) override;

 private:
  absl::Status FillModel(const grpc::CallbackServerContext& context, const std::string& name,
                         v1::Model& model) const;
  absl::Status FillModels(const grpc::CallbackServerContext& context,
                          v1::ListModelsResponse& response) const;

  const CallEnvironment environment_;
};

}  // namespace magnet

#endif  // MAGNET_SERVER_MUSIC_SERVICE_H_
