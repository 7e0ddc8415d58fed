#include "train/codec_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "model/audio/audio_file.h"
#include "tests/train/lm_run.h"
#include "train/code_shards.h"
#include "train/codec_start.h"
#include "train/regenerated_clips.h"
#include "train/spectral_codebook.h"
#include "train/spectral_target.h"

namespace magnet {
namespace {

// Tones of eight pitches, from `lowest` in radians a sample, as a data set of WAV files.
void WriteTones(const std::string& folder, double lowest) {
  std::filesystem::create_directories(folder + "/data");
  std::ofstream rows(folder + "/rows.json");
  for (int i = 0; i < 8; ++i) {
    MusicBenchRow row;
    row.dataset = "MusicBench";
    row.location = "data/" + std::to_string(i) + ".wav";
    row.main_caption = "a tone";
    rows << FormatMusicBenchRow(row) << "\n";
    const torch::Tensor wave = 0.5 * (torch::arange(2000) * (lowest + 0.03 * i)).sin();
    const std::vector<float> samples(wave.data_ptr<float>(), wave.data_ptr<float>() + 2000);
    ASSERT_TRUE(WriteAudioFile(folder + "/" + row.location, samples, 1000).ok());
  }
}

CodecTrainingConfig TinyConfig(const std::string& folder) {
  CodecTrainingConfig config;
  config.rows = folder + "/rows.json";
  config.audio = folder;
  config.run = {.seed = 2, .total_steps = 120, .batch_size = 4};
  config.run.validation_items = 8;
  config.optimizer.warmup_steps = 5;
  config.optimizer.weight_decay = 0;
  config.crop_seconds = 0.4;
  config.mel_windows = {64, 128};
  config.mel_bands = 8;
  config.kmeans_frames = 400;
  config.codec = TinyCodec();
  config.codec.num_filters = 8;
  config.phases = {{.steps = 60, .learning_rate = 5e-3, .mel_weight = 0.1},
                   {.steps = 60, .learning_rate = 3e-3, .mel_weight = 0.1, .quantized = true}};
  return config;
}

class CodecTrainerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = TestFolder("tones");
    config_ = TinyConfig(folder_);
    UseTones(/*lowest=*/0.05);
  }

  void UseTones(double lowest) {
    WriteTones(folder_, lowest);
    auto pool = AudioPool::Load({.rows = config_.rows, .audio = config_.audio}, 1000, 3600, 1);
    ASSERT_TRUE(pool.ok()) << pool.status();
    pool_ = std::make_unique<AudioPool>(*std::move(pool));
  }

  std::unique_ptr<CodecTrainer> Trainer() {
    EncodecModel codec(config_.codec);
    DrawCodecWeights(codec, /*seed=*/1);
    return std::make_unique<CodecTrainer>(config_, codec, *pool_, pool_.get(), nullptr,
                                          TrainingDevice(), *processes_);
  }

  void UseSpectralCodebook() {
    config_.codec.dimension = 4 + kSpectralDims;
    config_.spectral = {.dims = kSpectralDims, .weight = 0.1};
  }

  void Run(CodecTrainer& trainer, int64_t begin, int64_t end) {
    for (int64_t step = begin; step < end; ++step) {
      const auto report = trainer.Step(step);
      ASSERT_TRUE(report.ok()) << report.status();
    }
  }

  // What so many steps of a whole training give; the configuration is then of its decoder alone.
  EncodecModel GoOnWithTheDecoderAfter(int64_t steps) {
    const auto whole = Trainer();
    Run(*whole, 0, steps);
    config_.start_from = "the codec above";
    config_.decoder_only = true;
    config_.phases = {{.steps = 60, .learning_rate = 2e-3, .mel_weight = 0.1, .quantized = true}};
    EncodecModel codec(config_.codec);
    EXPECT_TRUE(LoadModule(whole->CodecTensors({}), "before", *codec).ok());
    return codec;
  }

  static constexpr int kSpectralDims = 3;
  std::string folder_;
  CodecTrainingConfig config_;
  std::unique_ptr<AudioPool> pool_;
  std::unique_ptr<ProcessGroup> processes_ = ProcessGroup::Alone();
};

// Breaks where a codec learns nothing, or loses with its codebooks what it had.
TEST_F(CodecTrainerTest, LearnsThenQuantizes) {
  EXPECT_EQ(pool_->num_clips(), 8);
  const auto trainer = Trainer();
  const double before = trainer->Validate()->at("validation_mel_loss");
  Run(*trainer, 0, 60);
  const Metrics continuous = *trainer->Validate();
  EXPECT_LT(continuous.at("validation_mel_loss"), 0.7 * before);
  EXPECT_EQ(continuous.count("validation_loss"), 0u) << "an autoencoder is no codec";
  Run(*trainer, 60, 120);
  const Metrics quantized = *trainer->Validate();
  EXPECT_LT(quantized.at("validation_loss"), 0.7 * before);
  EXPECT_GT(quantized.at("validation_si_sdr_db"), 0);
  for (int k = 0; k < 3; ++k) {
    EXPECT_GT(quantized.at("codebook_use_" + std::to_string(k)), 0.5) << "codebook " << k;
  }
}

// Breaks where codes that were made before mean something else afterwards.
TEST_F(CodecTrainerTest, DecoderOnlyKeepsEncoderAndCodebooks) {
  EncodecModel codec = GoOnWithTheDecoderAfter(90);
  TensorMap before;
  for (const auto& [name, tensor] : ModuleTensors(*codec)) before[name] = tensor.clone();
  CodecTrainer trainer(config_, codec, *pool_, pool_.get(), nullptr, TrainingDevice(), *processes_);
  const double mel = trainer.Validate()->at("validation_loss");
  Run(trainer, 0, 60);
  EXPECT_LT(trainer.Validate()->at("validation_loss"), mel) << "the decoder learns";
  for (const auto& [name, tensor] : trainer.CodecTensors({})) {
    const bool of_decoder = name.rfind("decoder.", 0) == 0;
    EXPECT_NE(torch::equal(tensor, before.at(name)), of_decoder) << name;
  }
}

// Breaks where a crop's codes and its sound are not those of the same frames, or codes of
// another codec are learnt from.
TEST_F(CodecTrainerTest, RegeneratedCropsAreOfTheSameFrames) {
  constexpr int kHop = 20, kFrames = 30, kCrop = 10;
  const std::string folder = TestFolder("regenerated");
  std::filesystem::create_directories(folder + "/data");
  auto writer = CodeShardWriter::Create(folder + "/codes", {3, 1024, 50, "this codec"});
  ASSERT_TRUE(writer.ok()) << writer.status();
  std::ofstream rows(folder + "/rows.json");
  for (int clip = 0; clip < 20; ++clip) {
    MusicBenchRow row;
    row.dataset = "MusicBench";
    row.location = "data/" + std::to_string(clip) + ".wav";
    row.main_caption = "steps";
    rows << FormatMusicBenchRow(row) << "\n";
    const torch::Tensor steps = clip * kFrames + torch::arange(kFrames);
    const torch::Tensor wave = (steps.to(torch::kFloat) / 1024).repeat_interleave(kHop);
    const std::vector<float> samples(wave.data_ptr<float>(), wave.data_ptr<float>() + wave.numel());
    ASSERT_TRUE(WriteAudioFile(folder + "/" + row.location, samples, 1000).ok());
    ASSERT_TRUE(writer->Add(row, steps.expand({3, kFrames})).ok());
  }
  rows.close();
  ASSERT_TRUE(writer->Finish().ok());
  const MusicBenchOptions source = {.rows = folder + "/rows.json", .audio = folder};
  const auto load = [&](const std::string& fingerprint, int64_t crop) {
    return RegeneratedClips::Load(folder + "/codes", source, fingerprint, 1000, crop);
  };
  const auto clips = load("this codec", kCrop);
  ASSERT_TRUE(clips.ok()) << clips.status();
  EXPECT_EQ(clips->size(), 18);
  EXPECT_EQ(clips->validation_size(), 2);
  const auto expect_same = [&](const RegeneratedClips::Crop& crop) {
    const torch::Tensor heard = (crop.wave.view({kCrop, kHop}).select(1, kHop / 2) * 1024).round();
    EXPECT_TRUE(torch::equal(heard.to(torch::kLong), crop.codes[2])) << crop.codes[2];
  };
  for (uint32_t item = 0; item < 20; ++item) {
    DrawStream draws(1, DrawPurpose::kRegenerated, 0, item);
    expect_same(clips->Draw(draws));
  }
  expect_same(clips->Middle(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(load("another codec", kCrop).status()));
  EXPECT_TRUE(absl::IsNotFound(load("this codec", kFrames + 1).status()));
}

// Breaks where a decoder does not learn what is meant by codes that no encoder has written, or
// forgets the encoder's over them.
TEST_F(CodecTrainerTest, DecoderLearnsFromRegeneratedClips) {
  EncodecModel codec = GoOnWithTheDecoderAfter(120);

  auto writer = CodeShardWriter::Create(folder_ + "/codes", {3, 16, 50, "the codec above"});
  ASSERT_TRUE(writer.ok()) << writer.status();
  const auto dataset = MusicBenchDataset::Open({.rows = config_.rows, .audio = config_.audio});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  torch::manual_seed(4);
  for (int64_t i = 0; i < 8; ++i) {
    torch::Tensor codes = codec->Encode(pool_->Middle(i, 2000).view({1, 1, -1}))[0];
    codes = torch::where(torch::rand({3, codes.size(1)}) < 0.5, codes,
                         torch::randint(16, {3, codes.size(1)}, torch::kLong));
    ASSERT_TRUE(writer->Add(dataset->rows()[i], codes).ok());
  }
  ASSERT_TRUE(writer->Finish().ok());
  const auto regenerated =
      RegeneratedClips::Load(folder_ + "/codes", {.rows = config_.rows, .audio = config_.audio},
                             "the codec above", 1000, CodecTrainer::CropFrames(config_));
  ASSERT_TRUE(regenerated.ok()) << regenerated.status();
  CodecTrainer trainer(config_, codec, *pool_, pool_.get(), &*regenerated, TrainingDevice(),
                       *processes_);
  const Metrics first = *trainer.Validate();
  Run(trainer, 0, 60);
  const Metrics last = *trainer.Validate();
  EXPECT_LT(last.at("validation_regenerated_mel_loss"),
            0.9 * first.at("validation_regenerated_mel_loss"));
  EXPECT_LT(last.at("validation_mel_loss"), 1.1 * first.at("validation_mel_loss"));
  EXPECT_FLOAT_EQ(
      last.at("validation_loss"),
      (last.at("validation_mel_loss") + last.at("validation_regenerated_mel_loss")) / 2);
}

// Breaks where a resumed codec training is another one.
TEST_F(CodecTrainerTest, StateIsAllThatStepsDependOn) {
  config_.phases[0].steps = 4;
  config_.phases[0].adversarial_weight = 0.1;
  config_.phases[1].adversarial_weight = 0.1;
  config_.crop_seconds = 1.2;  // the discriminator's longest window
  UseSpectralCodebook();
  const auto unbroken = Trainer();
  Run(*unbroken, 0, 6);
  TensorMap state;
  for (const auto& [name, tensor] : unbroken->State()) state[name] = tensor.clone();
  const auto resumed = Trainer();
  ASSERT_TRUE(resumed->Restore(state).ok());
  for (int64_t step = 6; step < 9; ++step) {
    const auto expected = unbroken->Step(step), found = resumed->Step(step);
    ASSERT_TRUE(expected.ok() && found.ok()) << expected.status() << found.status();
    EXPECT_EQ(expected->loss, found->loss) << "step " << step;
    EXPECT_EQ(expected->metrics, found->metrics) << "step " << step;
  }
}

EncodecModel CodecOf(const CodecTrainer& trainer, const CodecConfig& config) {
  EncodecModel codec(config);
  EXPECT_TRUE(LoadModule(trainer.CodecTensors({}), "trained", *codec).ok());
  return codec;
}

// Breaks where the first codebook is taught phase, or where a quantizer that knows nothing of
// its dimensions would choose other codes than the trainer did.
TEST_F(CodecTrainerTest, ASpectralCodebookTellsTonesWhateverTheirPhase) {
  UseSpectralCodebook();
  config_.spectral.weight = 2;
  UseTones(/*lowest=*/0.5);  // a target hears notes from 65 Hz on
  const auto trainer = Trainer();
  const auto first = trainer->Step(0);
  ASSERT_TRUE(first.ok()) << first.status();
  Run(*trainer, 1, 160);
  const auto last = trainer->Step(160);
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_LT(last->metrics.at("spectral_loss"), 0.3 * first->metrics.at("spectral_loss"));
  EncodecModel codec = CodecOf(*trainer, config_.codec);
  EXPECT_EQ(SpectralDims(codec), kSpectralDims);
  const torch::Tensor time = torch::arange(1000);
  const torch::Tensor wave = (0.5 * (time * 0.59).sin()).view({1, 1, -1});
  const torch::Tensor later = (0.5 * (time * 0.59 + 1.3).sin()).view({1, 1, -1});
  const torch::Tensor same = codec->Encode(wave).eq(codec->Encode(later)).to(torch::kFloat).mean(2);
  EXPECT_GT(same[0][0].item<double>(), 0.9);
  EXPECT_LT(same[0][1].item<double>(), 0.7) << "the second codebook has the phase";
}

// Breaks where a codec that is given such a codebook loses what it had, or where the codebook
// stays as it was added.
TEST_F(CodecTrainerTest, ASpectralCodebookIsAddedToACodec) {
  const auto plain = Trainer();
  Run(*plain, 0, 90);
  EncodecModel before = CodecOf(*plain, config_.codec);
  EncodecModel wide = AddSpectralCodebook(before, kSpectralDims, /*seed=*/3);
  EXPECT_EQ(wide->config().num_codebooks, 4);
  EXPECT_EQ(SpectralDims(before), 0);
  EXPECT_EQ(SpectralDims(wide), kSpectralDims);
  const torch::Tensor wave = pool_->Middle(2, 400).view({1, 1, -1});
  const torch::Tensor codes = before->Encode(wave);
  const torch::Tensor others = wide->Encode(wave).narrow(1, 1, 3);
  EXPECT_TRUE(torch::equal(others, codes));
  EXPECT_TRUE(torch::allclose(wide->Decode(wide->Encode(wave)), before->Decode(codes), 1e-4, 1e-5));

  config_.start_from = "the codec above";
  config_.codec = wide->config();
  config_.spectral = {.dims = kSpectralDims, .weight = 0.1};
  config_.phases = {{.steps = 20, .learning_rate = 2e-3, .mel_weight = 0.1},
                    {.steps = 20, .learning_rate = 2e-3, .mel_weight = 0.1, .quantized = true}};
  CodecTrainer trainer(config_, wide, *pool_, pool_.get(), nullptr, TrainingDevice(), *processes_);
  Run(trainer, 0, 21);
  EXPECT_EQ(SpectralDims(wide), kSpectralDims);
  EXPECT_TRUE(wide->quantizer()->centroids(0).ne(0).any().item<bool>());
  const auto moved = [&](int k) {
    const torch::Tensor was = before->quantizer()->centroids(k);
    const torch::Tensor is = wide->quantizer()->centroids(k + 1).narrow(1, 0, 4);
    return ((is - was).norm() / was.norm()).item<double>();
  };
  for (int k = 0; k < 3; ++k) EXPECT_LT(moved(k), 0.5) << "codebook " << k << " begins anew";
}

// Breaks where what should be told by pitch and level depends on the moment.
TEST(SpectralTargetTest, HearsPitchAndNotPhase) {
  SpectralTarget target(8000, 160, /*num_dims=*/6, torch::kCPU);
  const torch::Tensor time = torch::arange(8000);
  const auto tone = [&](double step, double phase) { return 0.3 * (time * step + phase).sin(); };
  std::vector<torch::Tensor> tones;
  for (int i = 0; i < 20; ++i) tones.push_back(tone(0.1 * std::pow(1.0595, i), 0));
  EXPECT_FALSE(target.fitted());
  const double kept = target.Fit({torch::stack(tones)});
  EXPECT_GT(kept, 0.5);
  EXPECT_LE(kept, 1.0);
  const auto middle = [&](const torch::Tensor& wave) {
    return target(wave.unsqueeze(0))[0].slice(1, 10, 40);
  };
  EXPECT_EQ(target(torch::stack(tones)).sizes(), (std::vector<int64_t>{20, 6, 50}));
  const torch::Tensor heard = middle(tone(0.1, 0)), moved = middle(tone(0.1, 2));
  const torch::Tensor higher = middle(tone(0.12, 0));
  EXPECT_LT((heard - moved).norm().item<double>(), 0.05 * (heard - higher).norm().item<double>());

  SpectralTarget restored(8000, 160, 6, torch::kCPU);
  restored.Restore(target.State());
  EXPECT_TRUE(torch::equal(restored(torch::stack(tones)), target(torch::stack(tones))));
}

// Breaks where a signal vanishes on its way through the first weights: then the
// waveform is never learnt.
TEST(CodecWeightsTest, ASignalKeepsItsLevel) {
  CodecConfig config = TinyCodec();
  config.num_filters = 24;
  config.ratios = {8, 5, 4, 4};
  config.sample_rate_hz = 32000;
  config.dimension = 64;
  EncodecModel codec(config);
  DrawCodecWeights(codec, /*seed=*/1);
  const torch::NoGradGuard no_grad;
  const torch::Tensor wave = torch::randn({1, 1, 32000});
  const torch::Tensor latent = codec->EncodeLatent(wave);
  EXPECT_GT(latent.std().item<double>(), 0.2);
  EXPECT_LT(latent.std().item<double>(), 5);
  const double decoded = codec->DecodeLatent(latent).std().item<double>();
  EXPECT_GT(decoded, 0.1);
  EXPECT_LT(decoded, 10);
}

// Breaks where a codebook's entries stay unused.
TEST(CodebookTrainerTest, DeadCentroidsMoveToTheData) {
  CodecConfig config = TinyCodec();
  config.num_codebooks = 1;
  ResidualVectorQuantizer quantizer(config);
  quantizer->centroids(0).fill_(100);  // far from everything
  quantizer->centroids(0)[0].fill_(0);
  const auto processes = ProcessGroup::Alone();
  CodebookTrainer trainer(quantizer, {.decay = 0.5, .dead_share = 0.05}, *processes);
  torch::manual_seed(1);
  const torch::Tensor vectors = torch::randn({200, 4});
  for (int step = 0; step < 12; ++step) {
    DrawStream draws(1, DrawPurpose::kCentroid, step, 1);
    ASSERT_TRUE(trainer.Update(trainer.Quantize(vectors), draws).ok());
  }
  const auto codes = trainer.Quantize(vectors).codes[0];
  EXPECT_GE(std::get<0>(torch::_unique2(codes)).numel(), 12) << "of 16 entries";
}

// Breaks where the first centroids are worse than what k-means must find: 16
// clusters that are far apart.
TEST(CodebookTrainerTest, KMeansFindsTheClusters) {
  const CodecConfig config = TinyCodec();
  ResidualVectorQuantizer quantizer(config);
  const auto processes = ProcessGroup::Alone();
  CodebookTrainer trainer(quantizer, {}, *processes);
  torch::manual_seed(1);
  const torch::Tensor centers = 10 * torch::randn({16, 4});
  const torch::Tensor vectors = centers.repeat({64, 1}) + 0.01 * torch::randn({1024, 4});
  DrawStream draws(1, DrawPurpose::kCentroid, 0, 0);
  trainer.Initialize(vectors, config.num_codebooks, /*iterations=*/20, draws);
  const double left = (trainer.Quantize(vectors).quantized - vectors).pow(2).mean().item<double>();
  EXPECT_LT(left, 0.01 * vectors.var().item<double>());
}

// Breaks where the loss is not what the model card's figures mean: halving the
// amplitude moves every band by log10(2).
TEST(MelLossTest, MeasuresDecades) {
  const MelLoss loss(16000, {256, 512}, 16, torch::kCPU);
  torch::manual_seed(1);
  const torch::Tensor wave = torch::randn({2, 4000});
  EXPECT_NEAR(loss(0.5 * wave, wave).item<double>(), std::log10(2.0), 1e-4);
  EXPECT_EQ(loss(wave, wave).item<double>(), 0);
}

// Breaks where SI-SDR depends on the level: noise of a tenth is 20 dB.
TEST(MelLossTest, SiSdrIgnoresTheLevel) {
  torch::manual_seed(1);
  const torch::Tensor wave = torch::randn({1, 200'000});
  const torch::Tensor noisy = wave + 0.1 * torch::randn({1, 200'000});
  EXPECT_NEAR(SiSdr(3 * noisy, wave).item<double>(), 20, 0.1);
}

}  // namespace
}  // namespace magnet
