"""Computes windowed.safetensors of a fixture folder with audiocraft 1.3.0.

usage: windowed_reference.py FOLDER        (FOLDER holds expected.json and expected.safetensors)

The fixtures' own expected.safetensors was computed with audiocraft's `torch` attention back end,
which takes any mask for a causal one. The released models run with the xformers back end, where
later stages attend within a window. xformers has no CPU kernel, so its function is replaced here
by torch's scaled_dot_product_attention with the same mask. Conditions are taken from
expected.safetensors, so that no text encoder is needed. Needs: audiocraft==1.3.0 and what it
imports, torch, safetensors.
"""
import json
import sys
import types

import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

import audiocraft.modules.transformer as transformer
from audiocraft.models.lm_magnet import MagnetLMModel
from audiocraft.modules.codebooks_patterns import ParallelPatternProvider
from audiocraft.modules.conditioners import (ConditionFuser, ConditioningAttributes,
                                             ConditioningProvider)


# A run whose tokens change when every weight is disturbed by one part in a million is no fair
# demand on another implementation.
STABILITY_TRIALS = 5


def attention(q, k, v, attn_bias=None, p=0.0):
    q, k, v = [x.transpose(1, 2) for x in (q, k, v)]
    return F.scaled_dot_product_attention(q, k, v, attn_mask=attn_bias).transpose(1, 2)


class FixtureConditions(ConditioningProvider):
    """Answers prompt i with its condition of the fixture, and None with zeros."""

    def __init__(self, conditions):
        super().__init__({})
        self.by_prompt = conditions

    def tokenize(self, attributes):
        return [a.text["description"] for a in attributes]

    def forward(self, prompts):
        given = self.by_prompt[next(p for p in prompts if p is not None)]
        rows = torch.cat([given if p is not None else torch.zeros_like(given) for p in prompts])
        return {"description": (rows, torch.ones(rows.shape[:2]))}


def build(config, conditions, state):
    model = MagnetLMModel(
        pattern_provider=ParallelPatternProvider(config["K"]), condition_provider=conditions,
        fuser=ConditionFuser({"sum": [], "prepend": [], "cross": ["description"],
                              "input_interpolate": []}),
        n_q=config["K"], card=config["card"], dim=config["dim"], num_heads=config["heads"],
        hidden_scale=4, norm="layer_norm", norm_first=True, bias_proj=config.get("bias", False),
        bias_ff=config.get("bias", False), bias_attn=config.get("bias_attn", False), causal=False,
        custom=False, memory_efficient=True, num_layers=config["layers"], cross_attention=True,
        device="cpu", dtype=torch.float32, subcodes_context=config["ctx"],
        compression_model_framerate=config["fps"], segment_duration=config["seconds"],
        span_len=config["span"], activation="gelu", dropout=0.0, layer_scale=None,
        positional_embedding="sin").eval()
    missing, surplus = model.load_state_dict(state, strict=False)
    assert not missing, missing
    assert all(key.startswith("condition_provider.") for key in surplus), surplus
    return model


def generate(model, expected, tensors, run):
    config, params = expected["config"], dict(run["params"])
    params["temp"] = params.pop("temperature")
    return model.generate(
        prompt=tensors.get(f"generate.{run['name']}.prompt_codes"),
        conditions=[ConditioningAttributes(
            text={"description": expected["prompts"][run["prompt"]]})],
        max_gen_len=config["fps"] * config["seconds"], **params)


def main():
    folder = sys.argv[1]
    transformer.set_efficient_attention_backend("xformers")
    transformer.ops = types.SimpleNamespace(memory_efficient_attention=attention,
                                            unbind=torch.unbind)
    expected = json.load(open(f"{folder}/expected.json"))
    tensors = load_file(f"{folder}/expected.safetensors")
    config = expected["config"]
    conditions = FixtureConditions({
        prompt: tensors[f"t5.{i}.condition"] for i, prompt in enumerate(expected["prompts"])})
    state = torch.load(f"{folder}/state_dict.bin", weights_only=False)["best_state"]
    model = build(config, conditions, state)
    results = {}
    with torch.no_grad():
        for stage in range(1, config["K"]):
            codes = tensors[f"lm.stage{stage}.input"].repeat(2, 1, 1)
            given = conditions([expected["prompts"][0], None])
            logits = model(codes, [], given, stage=stage)[:, stage]
            results[f"lm.stage{stage}.prompt0.cond_logits"] = logits[:1].contiguous()
            results[f"lm.stage{stage}.prompt0.uncond_logits"] = logits[1:].contiguous()
        runs = {run["name"]: generate(model, expected, tensors, run) for run in expected["runs"]}
        for trial in range(STABILITY_TRIALS):
            torch.manual_seed(trial)
            disturbed = {key: value * (1 + 1e-6 * torch.randn_like(value))
                         for key, value in state.items()}
            other = build(config, conditions, disturbed)
            for run in expected["runs"]:
                name = run["name"]
                if name in runs and not torch.equal(
                        runs[name], generate(other, expected, tensors, run)):
                    print(f"{folder}: {name} changes with the last digits of the weights: left out")
                    del runs[name]
        results.update({f"generate.{name}.tokens": tokens.contiguous()
                        for name, tokens in runs.items()})
    save_file(results, f"{folder}/windowed.safetensors")
    print(folder, len(results), "tensors")


if __name__ == "__main__":
    main()
