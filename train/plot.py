#!/usr/bin/env python3
"""Draws the curves of a training run: metrics.jsonl -> curves.png.

    pip install matplotlib
    train/plot.py runs/lm [--output curves.png] [--watch SECONDS]
"""
import argparse
import json
import pathlib
import time

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

UNITS = {"items_per_second": "items / s", "validation_si_sdr_db": "dB"}


def read_metrics(path):
    """Returns {name: (steps, values)} of the numbers in a metrics.jsonl."""
    curves = {}
    for line in path.read_text().splitlines():
        try:
            metrics = json.loads(line)
        except json.JSONDecodeError:
            continue  # the line that is being written
        for name, value in metrics.items():
            if name != "step" and value is not None:
                steps, values = curves.setdefault(name, ([], []))
                steps.append(metrics["step"])
                values.append(value)
    return curves


def smooth(values, weight=0.98):
    """An exponential mean whose beginning is not biased towards 0."""
    mean, mass, result = 0.0, 0.0, []
    for value in values:
        mean = weight * mean + (1 - weight) * value
        mass = weight * mass + (1 - weight)
        result.append(mean / mass)
    return result


def group_of(name):
    """Curves that share axes."""
    for word in ("loss_stage", "codebook_use"):
        if word in name:
            return ("validation " if name.startswith("validation") else "") + word
    return name.removeprefix("validation_")


def draw(curves, title, output):
    groups = {}
    for name in sorted(curves):
        groups.setdefault(group_of(name), []).append(name)
    columns = 3
    rows = -(-len(groups) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(5 * columns, 3 * rows), squeeze=False)
    for axis, (group, names) in zip(axes.flat, groups.items()):
        for name in names:
            steps, values = curves[name]
            few = len(values) < 200
            axis.plot(steps, values if few else smooth(values), label=name, marker="." if few else None)
        axis.set_title(group)
        axis.set_ylabel(UNITS.get(group, ""))
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    for axis in list(axes.flat)[len(groups):]:
        axis.set_visible(False)
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(output, dpi=90)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path, help="output folder of a run")
    parser.add_argument("--output", type=pathlib.Path, help="default: curves.png in the run's folder")
    parser.add_argument("--watch", type=float, help="draw again every so many seconds")
    arguments = parser.parse_args()
    output = arguments.output or arguments.run / "curves.png"
    while True:
        draw(read_metrics(arguments.run / "metrics.jsonl"), str(arguments.run), output)
        print(output)
        if not arguments.watch:
            return
        time.sleep(arguments.watch)


if __name__ == "__main__":
    main()
