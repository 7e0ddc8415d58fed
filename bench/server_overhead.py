#!/usr/bin/env python3
"""Measures what the server adds to the model, by the server's own counters.

usage: server_overhead.py SERVER BUNDLE [--repeats N] [--steps N,N,N,N] [--long SECONDS]

overhead     of a default request (10 s), alone: its time in the server less queue_seconds and
             compute_seconds (passes and decoding), over its time. Should be under 2 %. What is left
             is checking, encoding, hashing and sending, which a bigger model does not change: for
             one that takes minutes it is a thousandth of what it is for a tiny one.
first audio  of a clip of 60 s: from arrival to the first chunk, over the compute time of one
             window. Should be under 1.2.
Needs grpcio-tools (deploy/setup.sh --dev). Times are the server's; nothing is measured here.
"""

import argparse
import json
import pathlib
import statistics
import sys
import tempfile

import grpc
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/testing"))
from running_server import RunningServer  # noqa: E402



def stubs(folder):
    arguments = ["protoc", f"-I{ROOT / 'proto'}", f"--python_out={folder}",
                 f"--grpc_python_out={folder}", "magnet/v1/music.proto"]
    if protoc.main(arguments) != 0:
        sys.exit("protoc failed")
    sys.path.insert(0, folder)
    from magnet.v1 import music_pb2, music_pb2_grpc
    return music_pb2, music_pb2_grpc


def run(server, stub, request):
    """The request's line in the log, and the windows it took."""
    windows = [event.progress.num_windows for event in stub.Generate(request)
               if event.HasField("progress")]
    return json.loads(server.line('"event":"request"')), windows[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server")
    parser.add_argument("bundle")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", help="decoding steps instead of the model's")
    parser.add_argument("--long", type=float, default=60, help="seconds of the long clip")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pb, rpc = stubs(folder)
        server = RunningServer(options.server, options.bundle)
        stub = rpc.MusicServiceStub(grpc.insecure_channel(server.address))
        request = pb.GenerateRequest(prompt="calm piano in the rain", seed=1)
        if options.steps:
            request.sampling.decoding_steps.extend(map(int, options.steps.split(",")))
        run(server, stub, request)
        outside, shares = [], []
        for _ in range(options.repeats):
            log, _ = run(server, stub, request)
            rest = log["request_seconds"] - log["queue_seconds"] - log["compute_seconds"]
            outside.append(rest)
            shares.append(rest / log["request_seconds"])
        print(f"default request  {log['request_seconds']:.3f} s, {log['passes']} passes, "
              f"median of {options.repeats}")
        print(f"overhead         {1000 * statistics.median(outside):.1f} ms, "
              f"{100 * statistics.median(shares):.2f} %")
        request.duration_seconds = options.long
        log, windows = run(server, stub, request)
        window = log["compute_seconds"] / windows
        print(f"first audio      {log['first_audio_seconds']:.3f} s of a {options.long:g} s clip: "
              f"{log['first_audio_seconds'] / window:.2f} of a window's {window:.3f} s "
              f"({windows} windows)")
        server.stop()


if __name__ == "__main__":
    main()
