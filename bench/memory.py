#!/usr/bin/env python3
"""Measures what a process takes that plays a model of the released small size, with random weights.

Writes that model to FOLDER/model in bfloat16 (1.2 GB, removed at the end), lets `magnet-model generate`
play ten seconds of it, one pass a codebook, in each precision, and prints the largest resident size of
each process, alone and as a multiple of the weights' bytes in bfloat16. Needs programs built in --build.

  python3 bench/memory.py --out FOLDER [--precisions float32 bfloat16 int8]
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def peak_bytes(command):
    """Runs a command; the largest resident size that its process had."""
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    errors = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command[0]} ended with status {os.waitstatus_to_exitcode(status)}: {errors}")
    return usage.ru_maxrss * 1024


def write_model(build, folder):
    subprocess.run([build / "bench/magnet-engine-bench", "--write", folder, "--tokenizer",
                    ROOT / "models/default/spiece.model"], check=True)
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def measure(build, model, precision, sound):
    return peak_bytes([build / "model/cli/magnet-model", "generate", "-m", model, "--precision",
                       precision, "--steps", "1,1,1,1", "--seconds", "10", "--seed", "1", "-o",
                       sound, "-p", "a slow piano"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for the results")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release",
                        help="build folder with the programs")
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16", "int8"])
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    model = options.out / "model"
    try:
        weights = write_model(options.build, model)
        print(f"weights in bfloat16: {weights / 1e9:.2f} GB")
        results = {"weights": weights}
        for precision in options.precisions:
            results[precision] = measure(options.build, model, precision, options.out / "sound.wav")
            print(f"{precision:10} {results[precision] / 1e9:.2f} GB, "
                  f"{results[precision] / weights:.2f} of them", flush=True)
    finally:
        shutil.rmtree(model, ignore_errors=True)
    (options.out / "memory.json").write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
