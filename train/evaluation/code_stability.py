#!/usr/bin/env python3
"""Says how much of a codec's codes is phase.

    train/evaluation/code_stability.py --bundle models/default --data data/composed

Encodes clips as they are and moved by less than a frame: music sounds the same then, and so would a
code that tells what sounds. Prints the share of each codebook's codes that stay, and the share
that equal the code of the frame before. A language model has to predict all the rest.
"""
import argparse
import pathlib
import subprocess
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


def encode(samples, rate, arguments, folder):
    """-> codes [K, T]"""
    wave, codes = folder / "wave.wav", folder / "codes.safetensors"
    soundfile.write(wave, samples, rate, subtype="FLOAT")
    done = subprocess.run([arguments.magnet_model, "encode", wave, "--save-codes", codes, "--model",
                           arguments.bundle], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr.strip())
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
        for path in files[:: max(1, len(files) // arguments.clips)][: arguments.clips]:
            samples, rate = soundfile.read(path, dtype="float32")
            codes = encode(samples, rate, arguments, pathlib.Path(folder))
            rows["as the frame before"].append(share_equal(codes[:, 1:], codes[:, :-1]))
            for shift in SHIFTS:
                moved = encode(samples[shift:], rate, arguments, pathlib.Path(folder))
                rows[f"moved by {shift} samples"].append(share_equal(codes, moved))
    print("codes that stay, % by codebook")
    for name, shares in rows.items():
        print(f"{name:24s}", "  ".join(f"{share:3.0f}" for share in np.mean(shares, axis=0)))


if __name__ == "__main__":
    main()
