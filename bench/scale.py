#!/usr/bin/env python3
"""Measures how the cost of a request grows: with the length of its clip, alone, and with the number
of requests at once, through the running server (text, decoding, codec and stream included).

  python3 bench/scale.py --out FOLDER [--model BUNDLE]

Prints two tables and writes scale.json and, where matplotlib is installed, scale.png. Seconds are
the client's. In the tables "per audio second" is time over length: flat where cost is proportional.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/testing"))
from running_server import RunningServer  # noqa: E402


def numbers(kind):
    return lambda text: [kind(part) for part in text.split(",")]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="FOLDER")
    parser.add_argument("--model", default=ROOT / "models/default", metavar="BUNDLE")
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "build/release",
                        metavar="FOLDER", help="the build folder")
    parser.add_argument("--lengths", type=numbers(float), default=[5, 10, 20, 40, 80, 120],
                        metavar="S,S,...", help="seconds (default 5 to 120)")
    parser.add_argument("--concurrency", type=numbers(int), default=[1, 2, 4, 8, 16],
                        metavar="N,N,...", help="requests at once (default 1 to 16)")
    parser.add_argument("--seconds", type=float, default=10,
                        help="of each clip of the second table (default 10)")
    parser.add_argument("--repeats", type=int, default=2,
                        help="clips of each length, and of each concurrent caller (default 2)")
    return parser.parse_args()


class Load:
    """magnet-client load against a server."""

    def __init__(self, client, address):
        self._command = [str(client), "load", "--json", "--quiet", "--server", address]

    def run(self, seconds, concurrency, requests):
        command = [*self._command, "-d", f"{seconds:g}", "-c", str(concurrency),
                   "-n", str(requests)]
        report = json.loads(subprocess.run(command, check=True, capture_output=True,
                                           text=True).stdout)
        if report["succeeded"] != requests:
            sys.exit(f"{requests - report['succeeded']} of {requests} calls failed: "
                     f"{report['errors']}")
        return report


def measure(load, args):
    load.run(min(args.lengths), concurrency=1, requests=1)  # the first is the warm-up
    lengths, concurrency = [], []
    print(f"{'clip':>8}{'total':>11}{'first audio':>14}{'per audio second':>19}")
    for seconds in args.lengths:
        report = load.run(seconds, concurrency=1, requests=args.repeats)
        total, first = report["total_seconds"]["p50"], report["first_audio_seconds"]["p50"]
        lengths.append({"seconds": seconds, "report": report})
        print(f"{seconds:>6g} s{total:>9.2f} s{first:>12.2f} s{total / seconds:>17.3f} s", flush=True)
    print(f"\n{'at once':>8}{'total p50':>12}{'total max':>12}{'first audio p50':>18}"
          f"{'audio s per s':>16}")
    for callers in args.concurrency:
        report = load.run(args.seconds, callers, requests=callers * args.repeats)
        concurrency.append({"callers": callers, "report": report})
        print(f"{callers:>8}{report['total_seconds']['p50']:>10.2f} s"
              f"{report['total_seconds']['max']:>10.2f} s"
              f"{report['first_audio_seconds']['p50']:>16.2f} s"
              f"{report['audio_seconds_per_second']:>16.2f}", flush=True)
    return {"lengths": lengths, "concurrency": concurrency}


def draw(figures, seconds, path):
    try:
        import matplotlib
    except ImportError:
        print("no chart: this Python has no matplotlib", file=sys.stderr)
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot
    chart, (left, right) = pyplot.subplots(ncols=2, figsize=(10, 4.2), layout="constrained")
    x = [row["seconds"] for row in figures["lengths"]]
    for name, label in (("total_seconds", "whole clip"), ("first_audio_seconds", "first audio")):
        left.plot(x, [row["report"][name]["p50"] for row in figures["lengths"]], "o-", label=label)
    left.set(xlabel="seconds of music", ylabel="seconds of waiting", title="one request alone")
    x = [row["callers"] for row in figures["concurrency"]]
    for quantile in ("p50", "max"):
        right.plot(x, [row["report"]["total_seconds"][quantile] for row in figures["concurrency"]],
                   "o-", label=f"whole clip, {quantile}")
    right.set(xlabel="requests at once", ylabel="seconds of waiting",
              title=f"clips of {seconds:g} s at once")
    for axes in (left, right):
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.legend()
    chart.savefig(path, dpi=150)


def main():
    args = parse_arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    # No queue must refuse what this measures.
    server = RunningServer(args.programs / "server/magnet-server", args.model,
                           "--max-running", str(max(args.concurrency)),
                           "--max-waiting", str(max(args.concurrency)))
    try:
        figures = measure(Load(args.programs / "client/magnet-client", server.address), args)
    finally:
        server.stop()
    figures["model"] = str(args.model)
    figures["cores"] = os.cpu_count()
    (args.out / "scale.json").write_text(json.dumps(figures, indent=2) + "\n")
    draw(figures, args.seconds, args.out / "scale.png")


if __name__ == "__main__":
    main()
