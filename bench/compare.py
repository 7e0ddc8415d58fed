#!/usr/bin/env python3
"""Compares the engine with the reference (audiocraft 1.3.0) on this machine, in one run.

Both run at a released small model's size with random weights, on the same number of threads, the
reference in float32, the engine's transformer and codec in --dtype, each in its own process; they take
turns, measurement by measurement, so that whatever else the machine does meets both. Writes every time to FOLDER/compare.json, a chart to
FOLDER/compare.png (where matplotlib is installed) and prints medians and ratios.

  python3 bench/compare.py --reference-python VENV/bin/python --out FOLDER

VENV needs audiocraft==1.3.0, torch, transformers<5 and, for the chart, matplotlib. A whole clip is estimated from the passes
(20 + 30 guided passes with every frame masked, which the engine never needs: its figure is an
upper bound); --whole-clip measures it (minutes).
"""
import argparse
import json
import pathlib
import platform
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHAPE = {"dim": 1024, "layers": 24, "heads": 16, "frames": 498, "card": 2048, "filters": 64,
         "text-dim": 768, "text-layers": 12}
TITLES = {
    "text": "text encoder, 16 tokens",
    "pass_first": "guided pass, first stage",
    "pass_later": "guided pass, later stage",
    "codec": "codec, one window decoded",
    "last_first": "last pass of the first stage",
    "last_later": "last pass of a later stage",
    "codec_chunks": "codec, in chunks of 50 frames",
    "clip": "whole clip",
}
BOTH = ("text", "pass_first", "pass_later", "codec")
# The reference computes every frame in every pass, and streams nothing: its
# counterparts are the full measurements.
ENGINE_ONLY = {"last_first": "pass_first", "last_later": "pass_later", "codec_chunks": "codec"}
GUIDED_PASSES = {"pass_first": 20, "pass_later": 30}


class Program:
    """A bench program that answers names with seconds."""

    def __init__(self, command):
        self.command = [str(part) for part in command]
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self._expect("ready")

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.command[0]} ended: exit status {self.process.wait()}")
        return line.strip()

    def _expect(self, text):
        found = self._answer()
        if found != text:
            sys.exit(f"{self.command[0]}: expected {text}, found {found}")

    def seconds(self, name):
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        return float(self._answer())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference-python", required=True, metavar="PYTHON",
                        help="a Python that has audiocraft 1.3.0")
    parser.add_argument("--engine", type=pathlib.Path, metavar="PROGRAM",
                        default=ROOT / "build/release/bench/magnet-engine-bench")
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="FOLDER")
    parser.add_argument("--threads", type=int, default=2, help="of each program (default 2)")
    parser.add_argument("--repeats", type=int, default=5, help="of each measurement (default 5)")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "int8"), default="float32",
                        help="of the engine's transformer and codec (default float32)")
    parser.add_argument("--whole-clip", action="store_true",
                        help="measure whole clips instead of estimating them")
    for name, value in SHAPE.items():
        parser.add_argument(f"--{name}", type=int, default=value, help=f"(default {value})")
    return parser.parse_args()


def measure(args):
    """{"engine": {name: [seconds]}, "reference": {...}}; the first of each is dropped."""
    shape = [f"--{name}={getattr(args, name.replace('-', '_'))}" for name in SHAPE]
    shape += ["--serve", f"--threads={args.threads}"]
    programs = {
        "reference": Program([args.reference_python, ROOT / "bench/reference_pass.py", *shape]),
        "engine": Program([args.engine, *shape, f"--dtype={args.dtype}"]),
    }
    seconds = {program: {} for program in programs}
    names = [*BOTH, *ENGINE_ONLY]
    for name in names:
        for repeat in range(args.repeats + 1):
            for program in programs:
                if program == "reference" and name in ENGINE_ONLY:
                    continue
                value = programs[program].seconds(name)
                if repeat > 0:
                    seconds[program].setdefault(name, []).append(value)
        print(".", end="", file=sys.stderr, flush=True)
    for program in programs:
        if args.whole_clip:
            seconds[program]["clip"] = [programs[program].seconds("clip")]
            print(".", end="", file=sys.stderr, flush=True)
        programs[program].close()
    print(file=sys.stderr)
    return seconds


def summarize(seconds):
    """Medians by program and name, a whole clip among them, and the ratios."""
    medians = {program: {name: statistics.median(values) for name, values in by_name.items()}
               for program, by_name in seconds.items()}
    for by_name in medians.values():
        if "clip" not in by_name:
            by_name["clip"] = by_name["codec"] + sum(
                count * by_name[name] for name, count in GUIDED_PASSES.items())
    reference, engine = medians["reference"], medians["engine"]
    ratios = {name: reference[ENGINE_ONLY.get(name, name)] / engine[name] for name in engine}
    return medians, ratios


def cpu_name():
    try:
        for line in open("/proc/cpuinfo", encoding="utf-8"):
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor()


def print_table(medians, ratios):
    print(f"{'':<32}{'reference':>11}{'engine':>11}{'ratio':>8}")
    for name, ratio in ratios.items():
        reference = medians["reference"][ENGINE_ONLY.get(name, name)]
        print(f"{TITLES[name]:<32}{reference:>9.3f} s{medians['engine'][name]:>9.3f} s{ratio:>7.2f}x")


def draw(medians, ratios, subtitle, path):
    try:
        import matplotlib
    except ImportError:
        print("no chart: this Python has no matplotlib", file=sys.stderr)
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot
    names = list(reversed(ratios))
    figure, axes = pyplot.subplots(figsize=(9, 5), layout="constrained")
    for offset, program, colour in ((0.2, "reference", "#b0b7c3"), (-0.2, "engine", "#2f6fde")):
        values = [medians[program].get(name, medians[program].get(ENGINE_ONLY.get(name)))
                  for name in names]
        axes.barh([i + offset for i in range(len(names))], values, height=0.38, color=colour,
                  label=program)
    for i, name in enumerate(names):
        axes.annotate(f"{ratios[name]:.2f}x", (medians["engine"][name], i - 0.2), xytext=(4, 0),
                      textcoords="offset points", va="center", fontsize=8)
    axes.set_xscale("log")
    axes.set_xlabel("seconds (log scale, less is better)")
    axes.set_yticks(range(len(names)), [TITLES[name] for name in names])
    axes.set_title(subtitle, fontsize=9)
    axes.margins(x=0.12)
    figure.legend(loc="outside lower center", ncols=2)
    figure.savefig(path, dpi=150)


def main():
    args = parse_arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    seconds = measure(args)
    medians, ratios = summarize(seconds)
    shape = {name: getattr(args, name.replace("-", "_")) for name in SHAPE}
    clip = "measured" if args.whole_clip else "estimated from passes"
    subtitle = f"{cpu_name()}, {args.threads} threads, {args.dtype}; whole clip {clip}"
    print(f"{subtitle}\nmedians of {args.repeats}, taken in turns\n")
    print_table(medians, ratios)
    (args.out / "compare.json").write_text(json.dumps(
        {"cpu": cpu_name(), "threads": args.threads, "dtype": args.dtype, "shape": shape,
         "clip": clip, "seconds": seconds, "medians": medians, "ratios": ratios}, indent=2) + "\n")
    draw(medians, ratios, subtitle, args.out / "compare.png")


if __name__ == "__main__":
    main()
