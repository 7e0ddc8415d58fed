#include "model/generator.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/bundle.h"
#include "model/clip_generation.h"
#include "model/device.h"
#include "model/given_codes.h"
#include "model/layers/uninitialized_weights.h"
#include "model/packed_generator.h"
#include "model/packed_steps.h"
#include "model/torch.h"
#include "model/torch_errors.h"
#include "model/torch_type.h"

namespace magnet {
namespace {

// Where an engine's modules lie, and what packs its steps.
struct Placement {
  torch::Device device = torch::kCPU;
  torch::Dtype dtype = torch::kFloat;          // of the transformer
  std::unique_ptr<StepKernels> kernels{};      // null: a pass per clip
  torch::Dtype decoder_dtype = torch::kFloat;  // of the codec's decoder, on a CPU
  TransformerPacking packing;
  Arithmetic arithmetic;
};

absl::StatusOr<Placement> PlaceOnGpu(const Device& device, Precision precision) {
  if (precision != Precision::kAuto && precision != Precision::kFloat16) {
    return absl::InvalidArgumentError("precision: expected auto or float16 on a GPU");
  }
  auto kernels = LoadCudaStepKernels(device.index);
  if (!kernels.ok()) return kernels.status();
  // The codec's convolutions with the bits of float32, as on a CPU: cuDNN's default
  // rounds their inputs to 11.
  at::globalContext().setAllowTF32CuDNN(false);
  return Placement{
      .device = torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(device.index)),
      .dtype = torch::kHalf,
      .kernels = *std::move(kernels),
      .arithmetic = {Describe(device), NameOf(Precision::kFloat16)}};
}

absl::StatusOr<Placement> PlaceOnCpu(Precision precision) {
  const auto found = PrecisionOnCpu(precision);
  if (!found.ok()) return found.status();
  return Placement{.dtype = TorchType(found->transformer),
                   .decoder_dtype = TorchType(found->codec_decoder),
                   .packing = found->packing,
                   .arithmetic = {Describe(Device()), NameOf(found->precision)}};
}

absl::StatusOr<Placement> Place(const GeneratorOptions& options) {
  const auto device = ChooseDevice(options.device);
  if (!device.ok()) return device.status();
  if (device->is_cuda()) {
    auto placement = PlaceOnGpu(*device, options.precision);
    if (placement.ok() || options.device != "auto") return placement;
  }
  return PlaceOnCpu(options.precision);
}

absl::Status DescribeViolations(const std::vector<SpecViolation>& violations) {
  if (violations.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrJoin(violations, "; ", [](std::string* out, const SpecViolation& violation) {
        absl::StrAppend(out, violation.field, ": ", violation.description);
      }));
}

int64_t ModuleBytes(const torch::nn::Module& module) {
  int64_t bytes = 0;
  for (const auto& tensor : module.parameters()) bytes += tensor.nbytes();
  for (const auto& tensor : module.buffers()) bytes += tensor.nbytes();
  return bytes;
}

class LoadedGenerator : public Generator {
 public:
  LoadedGenerator(std::unique_ptr<Engine> engine, Arithmetic arithmetic, int64_t weight_bytes)
      : engine_(std::move(engine)),
        arithmetic_(std::move(arithmetic)),
        weight_bytes_(weight_bytes) {}

  const ModelConfig& config() const override { return engine_->config; }
  Arithmetic arithmetic() const override { return arithmetic_; }
  int64_t memory_bytes() const override { return weight_bytes_; }
  int64_t full_step_rows() const override {
    return engine_->packed == nullptr ? 0 : engine_->packed->full_step_rows();
  }

  absl::StatusOr<std::unique_ptr<Generation>> Begin(const GenerationSpec& spec) override;
  std::vector<absl::Status> Step(absl::Span<Generation* const> batch) override;
  absl::StatusOr<std::unique_ptr<PendingAudio>> StartAudio(Generation& generation,
                                                           int max_frames) override;

 private:
  absl::Status EncodeTexts(const GenerationSpec& spec);
  absl::StatusOr<ClipCodes> EncodeGiven(const GenerationSpec& spec);

  const std::unique_ptr<Engine> engine_;
  const Arithmetic arithmetic_;
  const int64_t weight_bytes_;
};

absl::Status LoadedGenerator::EncodeTexts(const GenerationSpec& spec) {
  for (const PromptSection& section : spec.sections) {
    const absl::Status status = engine_->conditions->Encode(section.prompts);
    if (!status.ok()) return status;
  }
  return engine_->conditions->Encode({{spec.negative_prompt, 1.0}});
}

absl::StatusOr<ClipCodes> LoadedGenerator::EncodeGiven(const GenerationSpec& spec) {
  const ModelConfig& config = engine_->config;
  const int num_frames = ClipFrames(spec.duration_seconds, config.codec.frame_rate_hz(),
                                    spec.sampling.span_arrangement, config.lm.span_len);
  const auto place = [&](const GivenCodes& given) {
    return PlaceGivenCodes(given, num_frames, config.lm.num_codebooks,
                           config.codec.frame_rate_hz());
  };
  if (spec.given_audio.empty()) return place(spec.given_codes);
  const auto encoded = EncodeGivenAudio(spec.given_audio, engine_->codec);
  if (!encoded.ok()) return encoded.status();
  return place(*encoded);
}

absl::StatusOr<std::unique_ptr<Generation>> LoadedGenerator::Begin(const GenerationSpec& spec) {
  const auto violations = FindViolations(spec, engine_->config, engine_->limits);
  if (absl::Status status = DescribeViolations(violations); !status.ok()) return status;
  std::unique_ptr<Generation> generation;
  const absl::Status status = CatchTorchErrors("beginning a clip", [&]() -> absl::Status {
    const torch::InferenceMode inference;
    if (absl::Status texts = EncodeTexts(spec); !texts.ok()) return texts;
    auto given = EncodeGiven(spec);
    if (!given.ok()) return given.status();
    generation = std::make_unique<ClipGeneration>(engine_.get(), spec, *std::move(given));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return generation;
}

// On a CPU merging the rows of several clips gains nothing, and would make the
// arithmetic of one depend on the others: each has a pass of its own.
std::vector<absl::Status> LoadedGenerator::Step(absl::Span<Generation* const> batch) {
  if (engine_->packed != nullptr) return StepTogether(*engine_->packed, batch);
  std::vector<absl::Status> statuses;
  for (Generation* const generation : batch) {
    statuses.push_back(CatchTorchErrors("decoding step", [&] {
      const torch::InferenceMode inference;
      return static_cast<ClipGeneration*>(generation)->Step();
    }));
  }
  return statuses;
}

absl::StatusOr<std::unique_ptr<PendingAudio>> LoadedGenerator::StartAudio(Generation& generation,
                                                                          int max_frames) {
  std::unique_ptr<PendingAudio> audio;
  const absl::Status status = CatchTorchErrors("decoding audio", [&] {
    const torch::InferenceMode inference;
    audio = static_cast<ClipGeneration&>(generation).StartAudio(max_frames);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return audio;
}

// In a packing: each layer as soon as it is loaded, so that no two lie in memory unpacked.
absl::Status LoadWeights(Bundle& bundle, const std::string& folder, WeightPacking layers,
                         MagnetTransformer& transformer) {
  return LoadModule(std::move(bundle.lm), folder + "/lm.safetensors", *transformer,
                    [layers](torch::nn::Module& part) {
                      if (auto* const layer = part.as<TransformerLayerImpl>()) layer->Pack(layers);
                    });
}

// Returns the bytes of its weights. kOneDnn leaves them as many as they were.
absl::StatusOr<int64_t> LoadTransformer(Bundle& bundle, const std::string& folder,
                                        Placement& placement, Engine& engine) {
  engine.transformer = MagnetTransformer(bundle.config.lm);
  if (placement.kernels == nullptr) {
    engine.transformer->ComputeIn(placement.dtype);
  } else {
    engine.transformer->to(placement.dtype);
  }
  engine.transformer->eval();
  int64_t bytes = ModuleBytes(*engine.transformer);
  const TransformerPacking& packing = placement.packing;
  const absl::Status loaded = LoadWeights(bundle, folder, packing.layers, engine.transformer);
  if (!loaded.ok()) return loaded;
  if (packing.layers == WeightPacking::kInt8) {
    bytes = ModuleBytes(*engine.transformer) + engine.transformer->Int8Bytes();
  }
  engine.transformer->PackHeads(packing.heads);
  engine.transformer->to(placement.device);
  if (placement.kernels != nullptr) {
    engine.packed =
        std::make_unique<PackedTransformer>(engine.transformer, std::move(placement.kernels));
  }
  return bytes;
}

// The type of 16 bits that all of them are stored in, if it is one.
std::optional<torch::Dtype> BriefType(const TensorMap& tensors) {
  if (tensors.empty()) return std::nullopt;
  const torch::Dtype type = tensors.begin()->second.scalar_type();
  const bool is_brief = type == torch::kHalf || type == torch::kBFloat16;
  const bool is_same = std::all_of(tensors.begin(), tensors.end(), [type](const auto& named) {
    return named.second.scalar_type() == type;
  });
  return is_brief && is_same ? std::optional(type) : std::nullopt;
}

absl::Status LoadCodec(Bundle& bundle, const std::string& folder, const Placement& placement,
                       Engine& engine) {
  engine.codec = EncodecModel(bundle.config.codec);
  engine.codec->eval();
  if (const auto type = BriefType(bundle.codec); placement.device.is_cpu() && type) {
    engine.codec->KeepEncoderIn(*type);
  }
  const absl::Status loaded =
      LoadModule(std::move(bundle.codec), folder + "/codec.safetensors", *engine.codec);
  if (!loaded.ok()) return loaded;
  engine.codec->to(placement.device);
  engine.audio_queue = std::make_unique<AudioQueue>(placement.device);
  if (placement.device.is_cpu()) engine.codec->DecodeIn(placement.decoder_dtype);
  return absl::OkStatus();
}

// Returns the bytes of the weights.
absl::StatusOr<int64_t> LoadText(Bundle& bundle, const std::string& folder,
                                 const GeneratorOptions& options, torch::Device device,
                                 Engine& engine) {
  T5Encoder encoder(bundle.config.text_encoder);
  if (const auto type = BriefType(bundle.text_encoder); device.is_cpu() && type) {
    encoder->KeepWeightsIn(*type);
  }
  const absl::Status loaded =
      LoadModule(std::move(bundle.text_encoder), folder + "/text_encoder.safetensors", *encoder);
  if (!loaded.ok()) return loaded;
  encoder->to(device);
  auto tokenizer = T5Tokenizer::FromSerialized(bundle.spiece_model);
  if (!tokenizer.ok()) return tokenizer.status();
  TextConditionerOptions text_options;
  text_options.cache.max_entries = options.prompt_cache_entries;
  auto text = TextConditioner::Create(*std::move(tokenizer), encoder, text_options);
  if (!text.ok()) return text.status();
  engine.text = std::make_unique<TextConditioner>(*std::move(text));
  engine.conditions = std::make_unique<ConditionBuilder>(engine.text.get(), engine.transformer,
                                                         bundle.config.codec.frame_rate_hz(),
                                                         engine.packed != nullptr);
  return ModuleBytes(*encoder);
}

absl::StatusOr<int64_t> LoadEngine(const std::string& folder, const GeneratorOptions& options,
                                   Placement placement, Engine& engine) {
  auto bundle = OpenBundle(folder);
  if (!bundle.ok()) return bundle.status();
  const torch::NoGradGuard no_grad;
  const UninitializedWeights unset;
  engine.config = bundle->config;
  engine.limits = options.limits;
  const auto transformer_bytes = LoadTransformer(*bundle, folder, placement, engine);
  if (!transformer_bytes.ok()) return transformer_bytes.status();
  if (auto s = LoadCodec(*bundle, folder, placement, engine); !s.ok()) return s;
  const auto text_bytes = LoadText(*bundle, folder, options, placement.device, engine);
  if (!text_bytes.ok()) return text_bytes.status();
  return *transformer_bytes + *text_bytes + ModuleBytes(*engine.codec);
}

absl::StatusOr<std::unique_ptr<Generator>> Open(const std::string& bundle_folder,
                                                const GeneratorOptions& options,
                                                Placement placement) {
  if (options.num_threads > 0) at::set_num_threads(options.num_threads);
  std::unique_ptr<Generator> generator;
  const absl::Status status =
      CatchTorchErrors(absl::StrCat("opening ", bundle_folder), [&]() -> absl::Status {
        auto engine = std::make_unique<Engine>();
        const Arithmetic arithmetic = placement.arithmetic;
        const auto bytes = LoadEngine(bundle_folder, options, std::move(placement), *engine);
        if (!bytes.ok()) return bytes.status();
        generator = std::make_unique<LoadedGenerator>(std::move(engine), arithmetic, *bytes);
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return generator;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Generator>> OpenGenerator(const std::string& bundle_folder,
                                                         const GeneratorOptions& options) {
  auto placement = Place(options);
  if (!placement.ok()) return placement.status();
  return Open(bundle_folder, options, *std::move(placement));
}

absl::StatusOr<std::unique_ptr<Generator>> OpenPackedGenerator(
    const std::string& bundle_folder, const GeneratorOptions& options,
    std::unique_ptr<StepKernels> kernels) {
  const bool half = kernels->element_type() == ElementType::kFloat16;
  const Precision precision = half ? Precision::kFloat16 : Precision::kFloat32;
  return Open(bundle_folder, options,
              {.dtype = TorchType(precision),
               .kernels = std::move(kernels),
               .arithmetic = {Describe(Device()), NameOf(precision)}});
}

}  // namespace magnet
