#include <google/protobuf/util/json_util.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "client/channel.h"
#include "client/message.h"
#include "client/server_commands.h"
#include "client/unary_call.h"
#include "magnet/v1/music.grpc.pb.h"

namespace magnet::client {
namespace {

// "SPAN_SCORE_MAX" as an option value: "max".
std::string EnumWord(const std::string& name, const std::string& prefix) {
  return absl::AsciiStrToLower(name.substr(std::min(prefix.size(), name.size())));
}

std::string SamplingText(const v1::SamplingOptions& sampling) {
  std::vector<std::string> parts;
  if (sampling.greedy()) {
    parts.push_back("greedy");
  } else {
    parts.push_back(absl::StrFormat("temperature %g%s", sampling.temperature(),
                                    sampling.anneal_temperature() ? " falling" : ""));
    if (sampling.has_later_temperature() && sampling.later_temperature() != 1) {
      parts.push_back(
          absl::StrFormat("times %g after the first codebook", sampling.later_temperature()));
    }
    if (sampling.top_p() > 0) parts.push_back(absl::StrFormat("top-p %g", sampling.top_p()));
    if (sampling.top_p() == 0 && sampling.top_k() > 0) {
      parts.push_back(absl::StrCat("top-k ", sampling.top_k()));
    }
  }
  parts.push_back(
      absl::StrFormat("guidance %g:%g", sampling.guidance_max(), sampling.guidance_min()));
  if (sampling.has_later_guidance() && sampling.later_guidance() != 1) {
    parts.push_back(
        absl::StrFormat("%g of it after the first codebook", sampling.later_guidance()));
  }
  parts.push_back(absl::StrCat("steps ", absl::StrJoin(sampling.decoding_steps(), ",")));
  parts.push_back(
      EnumWord(v1::SpanArrangement_Name(sampling.span_arrangement()), "SPAN_ARRANGEMENT_"));
  if (sampling.span_score() == v1::SPAN_SCORE_RANDOM) parts.push_back("spans in random order");
  if (sampling.neighbour_weight() > 0) {
    parts.push_back(absl::StrFormat("neighbours %g", sampling.neighbour_weight()));
  }
  return absl::StrJoin(parts, ", ");
}

std::string LimitsText(const v1::Limits& limits) {
  return absl::StrFormat(
      "clips up to %g s, prompts up to %d bytes, %d sections, %d texts, %d steps, given audio up "
      "to %.1f MiB",
      limits.max_duration_seconds(), limits.max_prompt_bytes(), limits.max_sections(),
      limits.max_prompts(), limits.max_total_steps(),
      static_cast<double>(limits.max_given_audio_bytes()) / (1 << 20));
}

std::string TempoText(const v1::Model& model) {
  if (model.max_tempo_bpm() == 0) return "";
  return absl::StrFormat("  tempo     %.0f to %.0f bpm\n", model.min_tempo_bpm(),
                         model.max_tempo_bpm());
}

// Servers before this field say nothing.
std::string ArithmeticText(const v1::Model& model) {
  if (model.device().empty()) return "";
  return absl::StrCat("  computes  in ", model.precision(), " on ", model.device(), "\n");
}

void PrintModel(const v1::Model& model, bool is_default, std::ostream* out) {
  *out << model.name() << (model.version().empty() ? "" : " " + model.version())
       << (is_default ? " (default)" : "") << "\n";
  if (!model.description().empty()) *out << "  " << model.description() << "\n";
  *out << absl::StrFormat("  audio     %d Hz, windows of %g s\n", model.sample_rate_hz(),
                          model.window_seconds())
       << absl::StrFormat("  codec     %d codebooks of %d, %g frames/s\n", model.num_codebooks(),
                          model.codebook_size(), model.frame_rate_hz())
       << TempoText(model) << ArithmeticText(model) << "  defaults  "
       << SamplingText(model.default_sampling()) << "\n"
       << "  limits    " << LimitsText(model.limits()) << "\n";
  if (!model.license().empty()) *out << "  licence   " << model.license() << "\n";
}

void PrintJson(const google::protobuf::Message& message, std::ostream* out) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  (void)google::protobuf::util::MessageToJsonString(message, &json, options);
  *out << json << std::endl;
}

int PrintOne(v1::MusicService::Stub* stub, const UnarySetting& setting, const std::string& name,
             bool json) {
  v1::GetModelRequest request;
  request.set_name(name);
  v1::GetModelResponse response;
  const grpc::Status status = CallUnary(setting, [&](grpc::ClientContext* context) {
    return stub->GetModel(context, request, &response);
  });
  if (!status.ok()) return FailUnary(setting, status, json);
  std::ostream* const out = setting.environment->out;
  if (json) {
    PrintJson(response.model(), out);
  } else {
    PrintModel(response.model(), /*is_default=*/false, out);
  }
  return 0;
}

int PrintAll(v1::MusicService::Stub* stub, const UnarySetting& setting, bool json) {
  v1::ListModelsResponse response;
  const grpc::Status status = CallUnary(setting, [&](grpc::ClientContext* context) {
    return stub->ListModels(context, v1::ListModelsRequest(), &response);
  });
  if (!status.ok()) return FailUnary(setting, status, json);
  std::ostream* const out = setting.environment->out;
  if (json) {
    PrintJson(response, out);
    return 0;
  }
  for (int i = 0; i < response.models_size(); ++i) {
    if (i > 0) *out << "\n";
    PrintModel(response.models(i), /*is_default=*/i == 0, out);
  }
  out->flush();
  return 0;
}

}  // namespace

Command ModelsCommand() {
  Command command;
  command.name = "models";
  command.summary = "List the server's models.";
  command.description =
      "Describes the server's models, the default one first, or only MODEL: its audio, its limits "
      "and what is used where \"generate\" is told nothing.";
  command.operand = {.name = "MODEL"};
  command.groups = {{"Output", {{.name = "json", .help = "Print the server's answer as JSON."}}},
                    ConnectionOptionGroup(),
                    HelpOptionGroup()};
  command.groups[1].options.push_back(NoRetryOption());
  return command;
}

int RunModels(const ParsedOptions& options, const Environment& environment) {
  const auto connection = ReadConnection(options, environment);
  if (!connection.ok()) return FailToStart(environment, "models", connection.status());
  UnarySetting setting = {&environment, &*connection};
  if (options.Has("no-retry")) setting.retry.max_retries = 0;
  const auto stub = v1::MusicService::NewStub(OpenChannel(*connection));
  if (options.has_operand()) {
    return PrintOne(stub.get(), setting, options.operand(), options.Has("json"));
  }
  return PrintAll(stub.get(), setting, options.Has("json"));
}

}  // namespace magnet::client
