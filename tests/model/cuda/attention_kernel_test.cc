// The attention kernels against their CPU twins: every width, length and band. If one
// of these fails, frames on a GPU see what they must not, or not what they should.
#include <string>
#include <utility>
#include <vector>

#include "tests/model/cuda/step_kernels_fixture.h"

namespace magnet {
namespace {

// Bands of attention: back, ahead.
constexpr int kAll = 10000;
constexpr std::pair<int, int> kBands[] = {{kAll, kAll}, {5, 5}, {kAll, 0}, {0, 0}, {70, 70}};

TEST_F(StepKernelsTest, AttendsWithinSequencesAndBands) {
  for (const int width : {8, 16, 32, 48, 64, 128}) {
    for (const auto& [back, ahead] : kBands) {
      const int heads = 2, dim = heads * width;
      const std::vector<int> lengths = {1, 64, 0, 65, 150};
      std::vector<AttentionSpan> list;
      int rows = 3;  // the first rows are nobody's
      for (const int length : lengths) {
        list.push_back({rows, length, back, ahead});
        rows += length;
      }
      Elements qkv, out;
      Array<AttentionSpan> spans;
      Share(Random(static_cast<size_t>(rows * 3 * dim)), qkv);
      Share(Random(static_cast<size_t>(rows * dim)), out);
      Share(list, spans);
      SelfAttentionArgs args = {
          qkv.host,           spans.host, out.host, static_cast<int>(lengths.size()),
          /*max_frames=*/192, dim,        heads};
      cpu_.SelfAttention(args);
      args.qkv = qkv.device, args.spans = spans.device, args.out = out.device;
      device().SelfAttention(args);
      ExpectClose(Read(out.device, static_cast<size_t>(rows * dim)), out.host,
                  "width " + std::to_string(width) + ", back " + std::to_string(back) + ", ahead " +
                      std::to_string(ahead));
      if (KernelsAreEmulated() && width != 16) break;  // one band
    }
  }
}

TEST_F(StepKernelsTest, AttendsToTextsOfEveryLengthWithTheirWeights) {
  const int heads = 3, width = 16, dim = heads * width, layers = 2;
  const std::vector<int> lengths = {70, 5, 64, 3}, keys = {1, 130, 64, 17};
  std::vector<AttentionSpan> span_list;
  std::vector<TextSpan> host_texts, device_texts;
  std::vector<Elements> kv(lengths.size());
  std::vector<Array<float>> bias(lengths.size());
  int rows = 0;
  for (size_t i = 0; i < lengths.size(); ++i) {
    span_list.push_back({rows, lengths[i], 0, 0});
    rows += lengths[i];
    Share(Random(static_cast<size_t>(layers * 2 * keys[i] * dim)), kv[i]);
    Share(Random(static_cast<size_t>(keys[i])), bias[i]);
    const bool weighted = i % 2 == 1;
    host_texts.push_back({kv[i].host, weighted ? bias[i].host : nullptr, keys[i]});
    device_texts.push_back({kv[i].device, weighted ? bias[i].device : nullptr, keys[i]});
  }
  span_list.push_back({});  // an empty entry
  host_texts.push_back({});
  device_texts.push_back({});
  Elements q, out;
  Array<AttentionSpan> spans;
  Array<TextSpan> texts;
  Share(Random(static_cast<size_t>(rows * dim)), q);
  Share(Random(static_cast<size_t>(rows * dim)), out);
  Share(span_list, spans);
  Share(device_texts, texts);
  for (int layer = 0; layer < layers; ++layer) {
    CrossAttentionArgs args = {q.host,
                               spans.host,
                               host_texts.data(),
                               out.host,
                               layer,
                               static_cast<int>(span_list.size()),
                               /*max_frames=*/128,
                               dim,
                               heads};
    cpu_.CrossAttention(args);
    args.q = q.device, args.spans = spans.device, args.texts = texts.device, args.out = out.device;
    device().CrossAttention(args);
    ExpectClose(Read(out.device, static_cast<size_t>(rows * dim)), out.host,
                "layer " + std::to_string(layer));
  }
}

// If this fails, a seed gives other bytes in other company.
TEST_F(StepKernelsTest, ASequenceAttendsToTheSameBytesAloneAndInCompany) {
  const int heads = 2, width = 64, dim = heads * width, length = 150, others = 77;
  const std::vector<float> data = Random(static_cast<size_t>(length * 3 * dim));
  std::vector<float> crowd = Random(static_cast<size_t>(others * 3 * dim));
  crowd.insert(crowd.end(), data.begin(), data.end());
  Elements alone_qkv, crowd_qkv, alone_out, crowd_out;
  Array<AttentionSpan> alone, crowded;
  Share(data, alone_qkv);
  Share(crowd, crowd_qkv);
  Share(Random(static_cast<size_t>(length * dim)), alone_out);
  Share(Random(static_cast<size_t>((others + length) * dim)), crowd_out);
  Share(std::vector<AttentionSpan>{{0, length, 30, 30}}, alone);
  Share(std::vector<AttentionSpan>{{0, others, kAll, kAll}, {others, length, 30, 30}}, crowded);
  device().SelfAttention({alone_qkv.device, alone.device, alone_out.device, 1, 192, dim, heads});
  device().SelfAttention({crowd_qkv.device, crowded.device, crowd_out.device, 2, 256, dim, heads});
  const std::vector<float> in_company =
      Read(crowd_out.device, static_cast<size_t>((others + length) * dim));
  EXPECT_EQ(Read(alone_out.device, static_cast<size_t>(length * dim)),
            std::vector<float>(in_company.begin() + others * dim, in_company.end()));
}

}  // namespace
}  // namespace magnet
