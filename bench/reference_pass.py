"""Times the reference (audiocraft 1.3.0 and transformers' T5, float32, CPU) with random weights.

Measures what magnet-engine-bench measures, under the same names: text, pass_first, pass_later,
codec, clip. Prints medians; with --serve it reads names from its input and answers each with one
time, so that bench/compare.py can take turns with the engine.

audiocraft's attention calls xformers, which has no CPU kernel; it is replaced by torch's
scaled_dot_product_attention with the same mask.
"""
import argparse
import statistics
import sys
import time
import types

import torch
from torch.nn import functional as F

import audiocraft.modules.transformer as transformer
from audiocraft.models.encodec import EncodecModel
from audiocraft.models.lm_magnet import MagnetLMModel
from audiocraft.modules.codebooks_patterns import ParallelPatternProvider
from audiocraft.modules.conditioners import ConditionFuser, ConditioningProvider
from audiocraft.modules.seanet import SEANetDecoder, SEANetEncoder
from audiocraft.quantization.vq import ResidualVectorQuantizer
from transformers import T5Config, T5EncoderModel

TEXT_TOKENS = 16
CODEBOOKS = 4
DECODING_STEPS = (20, 10, 10, 10)


def attention(q, k, v, attn_bias=None, p=0.0):
    q, k, v = [x.transpose(1, 2) for x in (q, k, v)]
    return F.scaled_dot_product_attention(q, k, v, attn_mask=attn_bias).transpose(1, 2)


def language_model(args):
    transformer.set_efficient_attention_backend("xformers")
    transformer.ops = types.SimpleNamespace(memory_efficient_attention=attention,
                                            unbind=torch.unbind)
    return MagnetLMModel(
        pattern_provider=ParallelPatternProvider(CODEBOOKS),
        condition_provider=ConditioningProvider({}),
        fuser=ConditionFuser({"sum": [], "prepend": [], "cross": ["description"],
                              "input_interpolate": []}),
        n_q=CODEBOOKS, card=args.card, dim=args.dim, num_heads=args.heads, hidden_scale=4,
        norm="layer_norm", norm_first=True, bias_proj=False, bias_ff=False, bias_attn=False,
        causal=False, custom=False, memory_efficient=True, num_layers=args.layers,
        cross_attention=True, device="cpu", dtype=torch.float32, compression_model_framerate=50,
        segment_duration=-(-args.frames // 50), span_len=3, activation="gelu", dropout=0.0,
        layer_scale=None, positional_embedding="sin").eval()


def codec(args):
    sizes = dict(dimension=128, n_filters=args.filters, n_residual_layers=1, ratios=[8, 5, 4, 4],
                 norm="weight_norm", lstm=2)
    model = EncodecModel(
        SEANetEncoder(**sizes), SEANetDecoder(**sizes),
        ResidualVectorQuantizer(dimension=128, n_q=CODEBOOKS, bins=args.card, kmeans_init=False),
        frame_rate=50, sample_rate=32000, channels=1)
    return model.eval()


def text_encoder(args):
    return T5EncoderModel(T5Config(
        vocab_size=32128, d_model=args.text_dim, d_kv=64, d_ff=4 * args.text_dim,
        num_layers=args.text_layers, num_heads=args.text_dim // 64)).eval()


class ReferenceBench:
    def __init__(self, args):
        self.lm, self.codec, self.text = language_model(args), codec(args), text_encoder(args)
        states = torch.randn(2, TEXT_TOKENS, args.dim)
        states[1] = 0
        self.conditions = {"description": (states, torch.ones(2, TEXT_TOKENS))}
        self.codes = torch.randint(0, args.card, (2, CODEBOOKS, args.frames))
        self.frames = args.frames
        self.works = {
            "text": lambda: self.text(torch.randint(3, 32000, (1, TEXT_TOKENS))),
            "pass_first": lambda: self.lm(self.codes, [], self.conditions, stage=0),
            "pass_later": lambda: self.lm(self.codes, [], self.conditions, stage=1),
            "codec": lambda: self.codec.decode(self.codes[:1]),
            "clip": self.clip,
        }

    def clip(self):
        codes = torch.full((1, CODEBOOKS, self.frames), self.lm.special_token_id)
        for stage, steps in enumerate(DECODING_STEPS):
            codes, _ = self.lm._generate_stage(
                codes, self.conditions, stage=stage, device=torch.device("cpu"), top_p=0.9,
                timesteps=steps)
        self.codec.decode(codes)

    def seconds(self, name):
        begin = time.perf_counter()
        self.works[name]()
        return time.perf_counter() - begin


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name, value in (("dim", 1024), ("layers", 24), ("heads", 16), ("frames", 498),
                        ("card", 2048), ("filters", 64), ("text-dim", 768), ("text-layers", 12),
                        ("repeats", 3), ("threads", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--clip", action="store_true", help="also a whole clip of 50 steps")
    parser.add_argument("--serve", action="store_true",
                        help="answer names from the input with seconds")
    return parser.parse_args()


def serve(bench):
    print("ready", flush=True)
    for line in sys.stdin:
        name = line.strip()
        print(f"{bench.seconds(name):.6f}" if name in bench.works else "unknown", flush=True)


def main():
    args = parse_arguments()
    if args.threads > 0:
        torch.set_num_threads(args.threads)
    with torch.inference_mode():
        bench = ReferenceBench(args)
        if args.serve:
            return serve(bench)
        for name in bench.works:
            if name == "clip" and not args.clip:
                continue
            repeats = 1 if name == "clip" else args.repeats
            if repeats > 1:
                bench.seconds(name)
            print(f"{name:<14} {statistics.median(bench.seconds(name) for _ in range(repeats)):9.4f} s",
                  flush=True)


if __name__ == "__main__":
    main()
