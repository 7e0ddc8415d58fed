"""Generates a clip: generate.py "PROMPT" OUT.wav [ADDRESS]

Needs grpcio, and the stubs of the API:
  pip install grpcio grpcio-tools
  python -m grpc_tools.protoc -Iproto --python_out=. --grpc_python_out=. magnet/v1/music.proto
"""

import sys

import grpc
from magnet.v1 import music_pb2 as magnet
from magnet.v1 import music_pb2_grpc

prompt, path = sys.argv[1:3]
address = sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1:50051"

request = magnet.GenerateRequest(
    prompt=prompt,
    duration_seconds=5,
    output=magnet.OutputOptions(format=magnet.AUDIO_FORMAT_WAV_S16),
)
with grpc.insecure_channel(address) as channel, open(path, "wb") as file:
    for response in music_pb2_grpc.MusicServiceStub(channel).Generate(request):
        event = response.WhichOneof("event")
        if event == "progress":
            print(f"{response.progress.steps_done}/{response.progress.total_steps}", end="\r")
        elif event == "audio_chunk":  # the joined chunks are the file
            file.write(response.audio_chunk.data)
        elif event == "finished":
            print(f"{path}: {response.finished.audio_seconds:.2f} s, seed {response.finished.seed}")
