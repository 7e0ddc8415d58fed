"""Times the reference's forward pass (audiocraft 1.3.0, float32, CPU) with random weights.

usage: reference_pass.py [SECONDS=10] [LAYERS=24] [DIM=1024] [HEADS=16]

Prints the median of three guided passes (conditional and null branch in one batch) over a window,
for the first stage and for a later one. audiocraft's attention calls xformers, which has no CPU
kernel; it is replaced by torch's scaled_dot_product_attention with the same mask.
"""
import statistics
import sys
import time
import types

import torch
from torch.nn import functional as F

import audiocraft.modules.transformer as transformer
from audiocraft.models.lm_magnet import MagnetLMModel
from audiocraft.modules.codebooks_patterns import ParallelPatternProvider
from audiocraft.modules.conditioners import ConditionFuser, ConditioningProvider


def attention(q, k, v, attn_bias=None, p=0.0):
    q, k, v = [x.transpose(1, 2) for x in (q, k, v)]
    return F.scaled_dot_product_attention(q, k, v, attn_mask=attn_bias).transpose(1, 2)


def main():
    seconds, layers, dim, heads = [
        int(value) for value in (sys.argv[1:] + ["10", "24", "1024", "16"][len(sys.argv) - 1:])]
    transformer.set_efficient_attention_backend("xformers")
    transformer.ops = types.SimpleNamespace(memory_efficient_attention=attention,
                                            unbind=torch.unbind)
    frames = seconds * 50 // 3 * 3
    model = MagnetLMModel(
        pattern_provider=ParallelPatternProvider(4), condition_provider=ConditioningProvider({}),
        fuser=ConditionFuser({"sum": [], "prepend": [], "cross": ["description"],
                              "input_interpolate": []}),
        n_q=4, card=2048, dim=dim, num_heads=heads, hidden_scale=4, norm="layer_norm",
        norm_first=True, bias_proj=False, bias_ff=False, bias_attn=False, causal=False,
        custom=False, memory_efficient=True, num_layers=layers, cross_attention=True, device="cpu",
        dtype=torch.float32, compression_model_framerate=50, segment_duration=seconds, span_len=3,
        activation="gelu", dropout=0.0, layer_scale=None, positional_embedding="sin").eval()
    conditions = {"description": (torch.randn(2, 16, dim), torch.ones(2, 16))}
    conditions["description"][0][1] = 0
    codes = torch.randint(0, 2048, (2, 4, frames))
    with torch.no_grad():
        for stage, name in ((0, "first stage"), (1, "later stage")):
            model(codes, [], conditions, stage=stage)
            times = []
            for _ in range(3):
                begin = time.perf_counter()
                model(codes, [], conditions, stage=stage)
                times.append(time.perf_counter() - begin)
            print(f"reference pass, {name:<12} {statistics.median(times):8.3f} s", flush=True)


if __name__ == "__main__":
    main()
