#include "model/cuda/pinned_matmul.h"

#include <array>
#include <stdexcept>
#include <string>

#include "model/cuda/cuda_error.h"

namespace magnet {
namespace {

// The algorithm is chosen for a step of a few clips.
constexpr int kTypicalRows = 2048;

void CheckBlas(cublasStatus_t status, const std::string& what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw std::runtime_error("cuBLASLt: " + what + ": " + cublasLtGetStatusString(status));
}

template <typename T>
void Set(cublasLtMatmulDesc_t description, cublasLtMatmulDescAttributes_t attribute, T value) {
  CheckBlas(cublasLtMatmulDescSetAttribute(description, attribute, &value, sizeof(value)),
            "product");
}

template <typename T>
T Config(const cublasLtMatmulAlgo_t& algorithm, cublasLtMatmulAlgoConfigAttributes_t attribute) {
  T value{};
  size_t written = 0;
  CheckBlas(
      cublasLtMatmulAlgoConfigGetAttribute(&algorithm, attribute, &value, sizeof(value), &written),
      "algorithm");
  return value;
}

bool SumsInOnePlace(const cublasLtMatmulAlgo_t& algorithm) {
  return Config<int32_t>(algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM) <= 1 &&
         Config<uint32_t>(algorithm, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME) ==
             CUBLASLT_REDUCTION_SCHEME_NONE;
}

// A product as cuBLASLt, which counts columns first, sees it: output^T [out, rows] =
// (weight^T)^T [out, in] input^T [in, rows].
class Product {
 public:
  Product(int in, int out, int rows, bool has_bias, bool float_output) {
    const cudaDataType_t output = float_output ? CUDA_R_32F : CUDA_R_16F;
    CheckBlas(cublasLtMatmulDescCreate(&description, CUBLAS_COMPUTE_32F, CUDA_R_32F), "product");
    Set(description, CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
    if (has_bias) {
      Set(description, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
      Set(description, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, output);
      SetBias(&aligned_place);  // of any address, until an algorithm is chosen
    }
    CheckBlas(cublasLtMatrixLayoutCreate(&weight, CUDA_R_16F, in, out, in), "layout");
    CheckBlas(cublasLtMatrixLayoutCreate(&input, CUDA_R_16F, in, rows, in), "layout");
    CheckBlas(cublasLtMatrixLayoutCreate(&result, output, out, rows, out), "layout");
  }
  ~Product() {
    cublasLtMatrixLayoutDestroy(result);
    cublasLtMatrixLayoutDestroy(input);
    cublasLtMatrixLayoutDestroy(weight);
    cublasLtMatmulDescDestroy(description);
  }
  void SetBias(const void* bias) { Set(description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias); }

  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;

  cublasLtMatmulDesc_t description = nullptr;
  cublasLtMatrixLayout_t weight = nullptr, input = nullptr, result = nullptr;

 private:
  alignas(256) inline static const char aligned_place = 0;
};

// No workspace: there is nowhere to keep partial sums.
class NoReductions {
 public:
  NoReductions() {
    CheckBlas(cublasLtMatmulPreferenceCreate(&preference), "preference");
    const uint32_t schemes = CUBLASLT_REDUCTION_SCHEME_NONE;
    const uint64_t workspace = 0;
    CheckBlas(
        cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                                             &schemes, sizeof(schemes)),
        "preference");
    CheckBlas(
        cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                             &workspace, sizeof(workspace)),
        "preference");
  }
  ~NoReductions() { cublasLtMatmulPreferenceDestroy(preference); }
  NoReductions(const NoReductions&) = delete;
  NoReductions& operator=(const NoReductions&) = delete;

  cublasLtMatmulPreference_t preference = nullptr;
};

}  // namespace

PinnedMatmul::PinnedMatmul() { CheckBlas(cublasLtCreate(&handle_), "start"); }

PinnedMatmul::~PinnedMatmul() { cublasLtDestroy(handle_); }

cublasLtMatmulAlgo_t PinnedMatmul::ChooseAlgorithm(const Shape& shape) {
  const Product typical(shape.in, shape.out, kTypicalRows, shape.has_bias, shape.float_output);
  const Product smallest(shape.in, shape.out, kMatmulRowTile, shape.has_bias, shape.float_output);
  const NoReductions preference;
  std::array<cublasLtMatmulHeuristicResult_t, 32> found{};
  int count = 0;
  CheckBlas(
      cublasLtMatmulAlgoGetHeuristic(handle_, typical.description, typical.weight, typical.input,
                                     typical.result, typical.result, preference.preference,
                                     static_cast<int>(found.size()), found.data(), &count),
      "search for an algorithm");
  for (int i = 0; i < count; ++i) {
    const cublasLtMatmulHeuristicResult_t& candidate = found[static_cast<size_t>(i)];
    cublasLtMatmulHeuristicResult_t checked{};
    const bool takes_few_rows =
        cublasLtMatmulAlgoCheck(handle_, smallest.description, smallest.weight, smallest.input,
                                smallest.result, smallest.result, &candidate.algo,
                                &checked) == CUBLAS_STATUS_SUCCESS &&
        checked.workspaceSize == 0;
    if (candidate.state == CUBLAS_STATUS_SUCCESS && candidate.workspaceSize == 0 &&
        SumsInOnePlace(candidate.algo) && takes_few_rows) {
      return candidate.algo;
    }
  }
  throw std::runtime_error("cuBLASLt: no algorithm without a split reduction for weights [" +
                           std::to_string(shape.out) + ", " + std::to_string(shape.in) + "]");
}

const cublasLtMatmulAlgo_t& PinnedMatmul::AlgorithmOf(const Shape& shape) {
  const auto known = algorithms_.find(shape);
  if (known != algorithms_.end()) return known->second;
  return algorithms_.emplace(shape, ChooseAlgorithm(shape)).first->second;
}

void PinnedMatmul::Run(const LinearArgs& args, cudaStream_t stream) {
  const Shape shape = {args.in, args.out, args.bias != nullptr, args.float_output != nullptr};
  const cublasLtMatmulAlgo_t& algorithm = AlgorithmOf(shape);
  Product product(args.in, args.out, args.num_rows, shape.has_bias, shape.float_output);
  if (shape.has_bias) product.SetBias(args.bias);
  constexpr size_t kHalfBytes = 2;
  const auto first = static_cast<size_t>(args.first_row);
  const auto* const input =
      reinterpret_cast<const char*>(args.input) + first * static_cast<size_t>(args.in) * kHalfBytes;
  const size_t output_offset = first * static_cast<size_t>(args.out);
  void* const output =
      shape.float_output
          ? static_cast<void*>(args.float_output + output_offset)
          : static_cast<void*>(reinterpret_cast<char*>(args.output) + output_offset * kHalfBytes);
  const float one = 1, zero = 0;
  CheckBlas(cublasLtMatmul(handle_, product.description, &one, args.weight, product.weight, input,
                           product.input, &zero, output, product.result, output, product.result,
                           &algorithm, /*workspace=*/nullptr, /*workspaceSizeInBytes=*/0, stream),
            "product of " + std::to_string(args.num_rows) + " rows");
}

}  // namespace magnet
