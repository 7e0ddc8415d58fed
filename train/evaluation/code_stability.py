#!/usr/bin/env python3
"""Says how much of a codec's codes is phase.

    train/evaluation/code_stability.py --bundle models/default --data data/composed

Encodes clips as they are and moved by less than a frame: music sounds the same then, and so would a
code that tells what sounds. Prints the share of each codebook's codes that stay, and the share
that equal the code of the frame before. A language model has to predict all the rest.
"""
import argparse
import pathlib
import tempfile

import numpy as np
import soundfile

import model_runs

SHIFTS = (8, 32, 160)  # samples


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n", 1)[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--bundle", type=pathlib.Path, required=True, help="folder of the model")
    parser.add_argument("--data", type=pathlib.Path, required=True,
                        help="folder of `magnet-train compose`, or any with WAV files in data/")
    parser.add_argument("--clips", type=int, default=10, help="drawn evenly from the sorted files")
    parser.add_argument("--magnet-model", default="build/release/model/cli/magnet-model",
                        help="program")
    arguments = parser.parse_args()
    if arguments.clips < 1:
        parser.error("expected --clips of at least 1")
    return arguments


def encode(samples, rate, bundle):
    """-> codes [K, T]"""
    wave, codes = bundle.cache / "wave.wav", bundle.cache / "codes.safetensors"
    soundfile.write(wave, samples, rate, subtype="FLOAT")
    bundle.encode(wave, codes)
    return model_runs.read_codes(codes)


def share_equal(first, second):
    """Of each codebook: [K, T], [K, T'] -> [K], in per cent."""
    length = min(first.shape[1], second.shape[1])
    return 100 * (first[:, :length] == second[:, :length]).mean(1)


def main():
    arguments = parse_arguments()
    files = sorted((arguments.data / "data").glob("*.wav"))
    if not files:
        raise SystemExit(f"{arguments.data}/data: expected WAV files, found none")
    rows = {f"moved by {shift} samples": [] for shift in SHIFTS} | {"as the frame before": []}
    with tempfile.TemporaryDirectory() as folder:
        bundle = model_runs.Bundle(arguments.bundle, arguments.magnet_model, pathlib.Path(folder))
        for path in files[:: max(1, len(files) // arguments.clips)][: arguments.clips]:
            samples, rate = soundfile.read(path, dtype="float32")
            codes = encode(samples, rate, bundle)
            rows["as the frame before"].append(share_equal(codes[:, 1:], codes[:, :-1]))
            for shift in SHIFTS:
                moved = encode(samples[shift:], rate, bundle)
                rows[f"moved by {shift} samples"].append(share_equal(codes, moved))
    print("codes that stay, % by codebook")
    for name, shares in rows.items():
        print(f"{name:24s}", "  ".join(f"{share:3.0f}" for share in np.mean(shares, axis=0)))


if __name__ == "__main__":
    try:
        main()
    except (OSError, RuntimeError) as error:
        raise SystemExit(str(error)) from None
