// Where the language model's training begins: with what can be counted in the codes.
// Internal to targets that use LibTorch.
#ifndef MAGNET_TRAIN_NEIGHBOUR_START_H_
#define MAGNET_TRAIN_NEIGHBOUR_START_H_

#include "model/magnet/transformer.h"
#include "train/code_shards.h"

namespace magnet {

// How much likelier codes a and b of codebook `codebook` are within three frames of
// each other than by chance: [card, card] float64, symmetric, log of the ratio
// (pulled towards 0 where a code is rare), less its mean of each row.
torch::Tensor NeighbourAffinity(const CodeSet& clips, int codebook);

// How much likelier code b is right after code a than anywhere: [card, card] float32 by a and
// b, log of the ratio, pulled towards 0 where a is rare (LmConfig::neighbour_tables).
torch::Tensor NeighbourTable(const CodeSet& clips, int codebook);

// Changes weights drawn by DrawLmWeights so that, before the first step, a frame
// looks at its neighbours and expects what usually stands beside them. Drawn weights
// take thousands of steps to find that out, during which the loss stands still.
//
//   emb.k       the strongest eigenvectors of codebook k's affinity, as rows;
//               the mask id's row is 0
//   linears.k   the same, with the eigenvalues' signs: affinity ~ linears emb^T
//   q, k        of layer l, head h: sinusoidal positions turned by an angle for each
//               frequency, so that scores are highest at frame
//               t +- (1 + h / 2) (1 + l / K)
//   v, out      carry the strongest components of codebook l mod K over unchanged
//
// Codebook k's components begin at feature k D / K, so that the strong ones of
// different codebooks lie apart. Scales are those of DrawLmWeights; a part of the
// drawn weights stays in the attention's projections.
void StartFromNeighbours(const CodeSet& clips, MagnetTransformer& lm);

}  // namespace magnet

#endif  // MAGNET_TRAIN_NEIGHBOUR_START_H_
