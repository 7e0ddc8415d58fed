// Reading files that are broken or hostile, and writing files safely.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "model/checkpoint/safetensors.h"
#include "model/checkpoint/sha256.h"
#include "model/checkpoint/torch_archive.h"
#include "model/torch.h"
#include "tests/testing/mutation.h"

namespace magnet {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr int kMutations = 20000;

std::string ReadFile(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::stringstream bytes;
  bytes << stream.rdbuf();
  return bytes.str();
}

// Reads every element, so that a view beyond its memory shows.
void Touch(const torch::Tensor& tensor) {
  if (tensor.numel() > 0) tensor.contiguous().to(torch::kFloat64).sum().item<double>();
}

std::string Safetensors(const std::string& header, const std::string& data) {
  const uint64_t size = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &size, 8);
  return bytes + header + data;
}

std::string ParseError(const std::string& bytes) {
  const auto file = ParseSafetensors(FileBytes::Own("broken.safetensors", bytes));
  if (file.ok()) return "";
  EXPECT_THAT(std::string(file.status().message()), HasSubstr("broken.safetensors: "));
  return std::string(file.status().message());
}

TEST(SafetensorsTest, BrokenHeadersAreNamed) {
  const struct {
    std::string header;
    const char* error;
  } cases[] = {
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,12]}})", "within the 8 bytes"},
      {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})",
       "expected 12 bytes by its shape"},
      {R"({"a":{"dtype":"F8","shape":[2],"data_offsets":[0,8]}})", "dtype: expected F64"},
      {R"({"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,8]}})", "shape"},
      {R"({"a":{"dtype":"F32","shape":[1073741824,1073741824,1073741824],"data_offsets":[0,8]}})",
       "more elements"},
      {R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", "shape"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", "data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
       "4 bytes of data by the header"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", "expected to begin at 0"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
       R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       "expected to begin at 8"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{}})", "occurs twice"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}})", "exactly"},
      {R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]}})",
       "at most 16 dimensions"},
      {R"({"a":{"dtype":"F32","shape":[[[[[2]]]]],"data_offsets":[0,8]}})", "nested deeper"},
      {R"({"__metadata__":{"a":1}})", "strings only"},
      {R"([])", "expected an object"},
      {R"({)", "not JSON"},
      {R"({"a":{"dtype":"BOOL","shape":[8],"data_offsets":[0,8]}})", "0 and 1 only"},
  };
  for (const auto& test : cases) {
    EXPECT_THAT(ParseError(Safetensors(test.header, "\2\2\2\2\2\2\2\2")), HasSubstr(test.error))
        << test.header;
  }
  EXPECT_THAT(ParseError("short"), HasSubstr("only 5 bytes"));
  EXPECT_THAT(ParseError("\xff\xff\xff\xff\xff\xff\xff\xff{}"), HasSubstr("length of"));
}

// If it fails: a file of a hundred bytes makes the tensor library throw.
TEST(SafetensorsTest, AnEmptyTensorOfAbsurdSizesIsNamed) {
  const std::string header =
      R"({"a":{"dtype":"F32","shape":[0,1099511627776,1099511627776],"data_offsets":[0,0]}})";
  EXPECT_THAT(ParseError(Safetensors(header, "")), HasSubstr("tensor \"a\": shape: more elements"));
}

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("MAGNET_TESTDATA");
    ASSERT_NE(folder, nullptr) << "MAGNET_TESTDATA is not set";
    testdata_ = folder;
    scratch_ = ::testing::TempDir() + "file_format_test_" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(scratch_);
    fs::create_directories(scratch_);
  }
  void TearDown() override { fs::remove_all(scratch_); }

  std::string testdata_;
  std::string scratch_;
};

TEST_F(FileTest, EveryTypeSurvivesWritingAndReading) {
  TensorMap tensors;
  for (const auto dtype :
       {torch::kFloat64, torch::kFloat32, torch::kFloat16, torch::kBFloat16, torch::kInt64,
        torch::kInt32, torch::kInt16, torch::kInt8, torch::kUInt8, torch::kBool}) {
    tensors[std::string("t.") + torch::toString(dtype)] =
        torch::arange(0, 15, torch::kFloat32).reshape({3, 5}).to(dtype).t();
  }
  tensors["scalar"] = torch::tensor(2.5);
  tensors["empty"] = torch::empty({0, 3});
  const std::string path = scratch_ + "/a.safetensors";
  ASSERT_TRUE(
      WriteSafetensors(tensors, {.metadata = {{"k", "v"}}, .floating_dtype = {}}, path).ok());
  const auto file = ReadSafetensors(path);
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(file->metadata.at("k"), "v");
  ASSERT_EQ(file->tensors.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(file->tensors.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(torch::equal(file->tensors.at(name), tensor)) << name;
  }
}

TEST_F(FileTest, TensorsOutliveTheFile) {
  const std::string path = scratch_ + "/a.safetensors";
  ASSERT_TRUE(WriteSafetensors({{"a", torch::ones({1000})}}, {}, path).ok());
  torch::Tensor tensor = ReadSafetensors(path)->tensors.at("a");
  fs::remove(path);
  EXPECT_EQ(tensor.sum().item<double>(), 1000);
}

// What breaks if this fails: a full disk or a crash costs the user the old
// model.
TEST_F(FileTest, AFailedWriteLeavesTheOldFileAndNothingElse) {
  const std::string path = scratch_ + "/a.safetensors";
  ASSERT_TRUE(WriteSafetensors({{"a", torch::ones({2})}}, {}, path).ok());
  const std::string before = ReadFile(path);
  const TensorMap bad = {{"a", torch::ones({2}, torch::kComplexFloat)}};
  EXPECT_FALSE(WriteSafetensors(bad, {}, path).ok());
  // A limit on file sizes stands for a full disk: the write fails half-way.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  rlimit small = limit;
  small.rlim_cur = 4096;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = WriteSafetensors({{"a", torch::ones({100'000})}}, {}, path);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot be written"));
  EXPECT_EQ(ReadFile(path), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(scratch_), fs::directory_iterator()), 1);
  EXPECT_FALSE(WriteSafetensors({}, {}, scratch_ + "/none/a.safetensors").ok());
}

TEST_F(FileTest, MutatedSafetensorsNeverCrash) {
  const std::string path = scratch_ + "/a.safetensors";
  ASSERT_TRUE(WriteSafetensors({{"a", torch::ones({3, 4})}, {"b", torch::ones({5}, torch::kInt16)}},
                               {.metadata = {{"k", "v"}}, .floating_dtype = {}}, path)
                  .ok());
  const std::vector<std::string> corpus = {ReadFile(path)};
  testing::Mutator mutator(/*seed=*/2);
  int accepted = 0;
  for (int left = testing::NumMutations(kMutations); left > 0; --left) {
    const auto file = ParseSafetensors(FileBytes::Own("m", mutator.Mutate(corpus)));
    if (!file.ok()) continue;
    ++accepted;
    for (const auto& [name, tensor] : file->tensors) Touch(tensor);
  }
  EXPECT_GT(accepted, 0);
}

absl::StatusOr<PickleDocument> Unpickle(const std::string& bytes) {
  return ReadPickle(bytes, [](const PickleStorage& storage) -> absl::StatusOr<torch::Tensor> {
    if (storage.num_elements != 10) return absl::InvalidArgumentError("no such storage");
    return torch::ones({10}, storage.dtype);
  });
}

std::string UnpickleError(const std::string& bytes) {
  const auto document = Unpickle(bytes);
  return document.ok() ? "" : std::string(document.status().message());
}

// Pickles a tensor view of a float storage of `count` elements.
std::string PickledView(uint8_t count, uint8_t offset, uint8_t size, uint8_t stride) {
  std::string p =
      "\x80\x02"
      "ctorch._utils\n_rebuild_tensor_v2\n(("
      "U\x07storagectorch\nFloatStorage\nU\x01"
      "0U\x03"
      "cpuK";
  p += static_cast<char>(count);
  p += "tQK";
  p += static_cast<char>(offset);
  p += "K";
  p += static_cast<char>(size);
  p += "\x85K";
  p += static_cast<char>(stride);
  p += "\x85\x89}tR.";
  return p;
}

TEST(PickleReaderTest, ViewsMustLieInTheirStorage) {
  const auto good = Unpickle(PickledView(10, 1, 3, 3));
  ASSERT_TRUE(good.ok()) << good.status().message();
  EXPECT_EQ(good->root->tensor.sizes(), torch::IntArrayRef({3}));
  EXPECT_THAT(UnpickleError(PickledView(10, 2, 3, 4)), HasSubstr("beyond its storage"));
  EXPECT_THAT(UnpickleError(PickledView(10, 0, 11, 0)), HasSubstr("beyond its storage"))
      << "a stride of 0 must not multiply memory";
  EXPECT_THAT(UnpickleError(PickledView(9, 0, 1, 1)), HasSubstr("no such storage"));
}

TEST(PickleReaderTest, OtherGlobalsAreRefusedByName) {
  EXPECT_THAT(UnpickleError("\x80\x02"
                            "cos\nsystem\nU\x02id\x85R."),
              HasSubstr("\"os.system\""));
  EXPECT_THAT(UnpickleError("\x80\x04\x8c\x08"
                            "builtins\x8c\x04"
                            "eval\x93."),
              HasSubstr("\"builtins.eval\""));
  EXPECT_THAT(UnpickleError("\x80\x02"
                            "comegaconf.dictconfig\nDictConfig\n)R."),
              HasSubstr("\"omegaconf.dictconfig.DictConfig\""));
}

TEST(PickleReaderTest, BrokenProgramsAreRefused) {
  EXPECT_THAT(UnpickleError(""), HasSubstr("without STOP"));
  EXPECT_THAT(UnpickleError("\x80\x09."), HasSubstr("expected protocol"));
  EXPECT_THAT(UnpickleError("."), HasSubstr("underflow"));
  EXPECT_THAT(UnpickleError("t."), HasSubstr("no mark"));
  EXPECT_THAT(UnpickleError("h\x05."), HasSubstr("memo"));
  EXPECT_THAT(UnpickleError("X\xff\xff\xff\xff"
                            "a"),
              HasSubstr("cut off"));
  EXPECT_THAT(UnpickleError("U\x01\xff."), HasSubstr("UTF-8"));
  EXPECT_THAT(UnpickleError("i."), HasSubstr("refused"));
  EXPECT_THAT(UnpickleError("]K\x01K\x02s."), HasSubstr("expected a dict"));
  EXPECT_THAT(UnpickleError(std::string(5000, '(') + "."), HasSubstr("too deep"));
  EXPECT_THAT(UnpickleError(std::string(3'000'000, 'N') + "."), HasSubstr("more values"));
}

TEST(PickleReaderTest, NumbersAndContainers) {
  constexpr char kPickle[] =
      "\x80\x02}(U\x01"
      "aJ\xfe\xff\xff\xffU\x01"
      "bG\x3f\xf8\0\0\0\0\0\0"
      "U\x01"
      "c](K\x01\x8a\x01\xff\x88"
      "eu.";
  const auto document = Unpickle(std::string(kPickle, sizeof(kPickle) - 1));
  ASSERT_TRUE(document.ok()) << document.status().message();
  EXPECT_EQ(document->root->Find("a")->integer, -2);
  EXPECT_EQ(document->root->Find("b")->real, 1.5);
  ASSERT_EQ(document->root->Find("c")->items.size(), 3u);
  EXPECT_EQ(document->root->Find("c")->items[1]->integer, -1);
  EXPECT_EQ(document->root->Find("d"), nullptr);
}

TEST_F(FileTest, DamagedArchiveIsNoticed) {
  std::string bytes = ReadFile(testdata_ + "/magnet-tiny/state_dict.bin");
  ASSERT_TRUE(ParseTorchArchive(FileBytes::Own("a", bytes)).ok());
  bytes[bytes.size() / 2] ^= 1;
  const absl::Status damaged = ParseTorchArchive(FileBytes::Own("a", bytes)).status();
  EXPECT_EQ(damaged.code(), absl::StatusCode::kDataLoss) << damaged;
  EXPECT_FALSE(ParseTorchArchive(FileBytes::Own("a", "PK")).ok());
}

TEST_F(FileTest, MutatedTorchArchivesNeverCrash) {
  const std::string path = testdata_ + "/magnet-tiny/state_dict.bin";
  const std::string bytes = ReadFile(path);
  const auto archive = ZipArchive::Open(*FileBytes::Map(path));
  ASSERT_TRUE(archive.ok());
  const std::vector<std::string> pickles = {std::string(*archive->Read("data.pkl"))};
  testing::Mutator mutator(/*seed=*/3);
  for (int left = testing::NumMutations(kMutations); left > 0; --left) {
    const auto document = ReadPickle(
        mutator.Mutate(pickles), [](const PickleStorage& storage) -> absl::StatusOr<torch::Tensor> {
          if (storage.num_elements > 100'000) return absl::InvalidArgumentError("too large");
          return torch::zeros({storage.num_elements}, storage.dtype);
        });
    if (!document.ok()) continue;
    if (const PickleValue* state = document->root->Find("best_state")) {
      const auto tensors = StateDictTensors(*state, "m");
      if (tensors.ok())
        for (const auto& [name, tensor] : *tensors) Touch(tensor);
    }
  }
  // The zip's own fields: the end of the file holds the directory.
  const size_t directory = bytes.size() - 6000;
  const std::vector<std::string> directories = {bytes.substr(directory)};
  for (int left = testing::NumMutations(kMutations) / 20; left > 0; --left) {
    const std::string mutant = bytes.substr(0, directory) + mutator.Mutate(directories);
    const auto document =
        ParseTorchArchive(FileBytes::Own("m", mutant), ZipArchive::Checksums::kIgnore);
    (void)document.ok();
  }
}

TEST(Sha256Test, KnownAnswer) {
  constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(Sha256Hex("abc"), kAbc);
  Sha256 parts;
  parts.Add("a");
  parts.Add("bc");
  EXPECT_EQ(parts.Hex(), kAbc);
}

// Breaks where weights are lost that are read again after their memory was given back.
TEST(FileBytesTest, WhatWasReleasedIsReadAgain) {
  const std::string path = ::testing::TempDir() + "/released";
  const std::string content(100'000, 'x');
  std::ofstream(path, std::ios::binary) << content;
  const auto file = FileBytes::Map(path);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ((*file)->bytes(), content);
  (*file)->Release(10, content.size());
  EXPECT_EQ((*file)->bytes(), content);
  std::remove(path.c_str());
}

}  // namespace
}  // namespace magnet
