#include "server/music_service.h"

#include "server/call_metadata.h"
#include "server/status_conversion.h"

namespace magnet {
namespace {

grpc::ServerUnaryReactor* FinishWith(grpc::CallbackServerContext& context,
                                     const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context.DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

}  // namespace

grpc::ServerWriteReactor<v1::GenerateResponse>* MusicService::Generate(
    grpc::CallbackServerContext* context, const v1::GenerateRequest* request) {
  return GenerateCall::Start(*context, *request, environment_);
}

grpc::ServerUnaryReactor* MusicService::GetModel(grpc::CallbackServerContext* context,
                                                 const v1::GetModelRequest* request,
                                                 v1::GetModelResponse* response) {
  return FinishWith(*context, FillModel(*context, request->name(), *response->mutable_model()));
}

grpc::ServerUnaryReactor* MusicService::ListModels(grpc::CallbackServerContext* context,
                                                   const v1::ListModelsRequest*,
                                                   v1::ListModelsResponse* response) {
  return FinishWith(*context, FillModels(*context, *response));
}

absl::Status MusicService::FillModel(const grpc::CallbackServerContext& context,
                                     const std::string& name, v1::Model& model) const {
  auto client = environment_.keys.Authenticate(ClientMetadata(context, "authorization"));
  if (!client.ok()) return client.status();
  auto found = environment_.models.Find(name);
  if (!found.ok()) return found.status();
  model = DescribeModel((*found)->config(), (*found)->arithmetic(), environment_.limits);
  return absl::OkStatus();
}

absl::Status MusicService::FillModels(const grpc::CallbackServerContext& context,
                                      v1::ListModelsResponse& response) const {
  auto client = environment_.keys.Authenticate(ClientMetadata(context, "authorization"));
  if (!client.ok()) return client.status();
  if (auto any = environment_.models.Find(""); !any.ok()) return any.status();
  for (const Generator* model : environment_.models.All()) {
    *response.add_models() =
        DescribeModel(model->config(), model->arithmetic(), environment_.limits);
  }
  return absl::OkStatus();
}

}  // namespace magnet
