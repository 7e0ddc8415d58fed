// What this project uses of LibTorch. Include this, never <torch/torch.h>: that
// one drags in data loaders, optimizers and serialization, and doubles the time
// to compile a file. It is the project's precompiled header.
#pragma once

#include <ATen/ATen.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/modules/rnn.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>
