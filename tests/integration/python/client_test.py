"""Drives magnet-server with clients that this project did not write: Python's
grpcio with stubs generated from the proto and with reflection, and Prometheus.

usage: client_test.py SERVER BUNDLE_FOLDER
Needs the packages of deploy/packages/dev.txt, libsndfile, and prometheus.
"""

import concurrent.futures
import ctypes
import hashlib
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_tools import protoc
from google.protobuf import descriptor_pool, message_factory

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/testing"))
from running_server import RunningServer  # noqa: E402

PATIENCE_SECONDS = 60


def generate_stubs(folder):
    arguments = ["protoc", f"-I{ROOT / 'proto'}", f"--python_out={folder}",
                 f"--grpc_python_out={folder}", "magnet/v1/music.proto"]
    assert protoc.main(arguments) == 0
    sys.path.insert(0, str(folder))
    from magnet.v1 import music_pb2, music_pb2_grpc
    return music_pb2, music_pb2_grpc


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class SoundFileInfo(ctypes.Structure):
    _fields_ = [("frames", ctypes.c_int64), ("samplerate", ctypes.c_int), ("channels", ctypes.c_int),
                ("format", ctypes.c_int), ("sections", ctypes.c_int), ("seekable", ctypes.c_int)]


def read_sound_file(path):
    """(frames read, rate, channels) as libsndfile finds them."""
    library = ctypes.CDLL("libsndfile.so.1")
    library.sf_open.restype = ctypes.c_void_p
    library.sf_readf_float.restype = ctypes.c_int64
    library.sf_readf_float.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    library.sf_close.argtypes = [ctypes.c_void_p]
    info = SoundFileInfo()
    sound = library.sf_open(str(path).encode(), 0x10, ctypes.byref(info))
    assert sound, f"libsndfile cannot read {path}"
    block = (ctypes.c_float * (65536 * info.channels))()
    frames = 0
    while count := library.sf_readf_float(sound, block, 65536):
        frames += count
    library.sf_close(sound)
    return frames, info.samplerate, info.channels


class ClientTest(unittest.TestCase):
    server_path = bundle = None

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.pb, cls.rpc = generate_stubs(cls.folder)
        cls.metrics_port = free_port()
        cls.server = RunningServer(cls.server_path, cls.bundle,
                                   metrics=f"127.0.0.1:{cls.metrics_port}")
        cls.channel = grpc.insecure_channel(cls.server.address)
        cls.stub = cls.rpc.MusicServiceStub(cls.channel)

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        code = cls.server.stop()
        shutil.rmtree(cls.folder)
        assert code == 0, f"the server exited with {code}"

    def generate(self, format_name, seconds=1.0):
        request = self.pb.GenerateRequest(prompt="a test", seed=7, duration_seconds=seconds)
        request.output.format = getattr(self.pb, f"AUDIO_FORMAT_{format_name}")
        events = list(self.stub.Generate(request))
        kinds = [event.WhichOneof("event") for event in events]
        self.assertEqual((kinds[0], kinds[-1]), ("started", "finished"))
        audio = b"".join(e.audio_chunk.data for e in events if e.HasField("audio_chunk"))
        return events[0].started, audio, events[-1].finished

    def test_every_format_is_a_file_that_libsndfile_reads(self):
        for name in ["WAV_S16", "WAV_F32", "FLAC", "OGG_OPUS"]:
            with self.subTest(name):
                started, audio, finished = self.generate(name)
                self.assertEqual(hashlib.sha256(audio).digest(), finished.sha256)
                path = self.folder / name
                path.write_bytes(audio)
                self.assertEqual(read_sound_file(path),
                                 (finished.samples, started.sample_rate_hz, 1))

    def test_pcm_has_the_stated_size(self):
        for name, width in [("PCM_S16", 2), ("PCM_F32", 4)]:
            _, audio, finished = self.generate(name)
            self.assertEqual(len(audio), finished.samples * width)

    def test_a_seed_gives_the_same_bytes(self):
        self.assertEqual(self.generate("WAV_S16")[1], self.generate("WAV_S16")[1])

    def test_a_seed_gives_the_same_bytes_among_others(self):
        """16 requests of mixed lengths and formats at once, every third cancelled after its
        first message: those with seed 7 still get the bytes of seed 7."""
        _, alone, _ = self.generate("WAV_S16")

        def call(i):
            is_ours = i % 4 == 1
            request = self.pb.GenerateRequest(
                prompt="a test", seed=7 if is_ours else 100 + i,
                duration_seconds=1.0 if is_ours else 0.5 + 0.4 * i)
            request.output.format = (self.pb.AUDIO_FORMAT_WAV_S16 if is_ours or i % 2
                                     else self.pb.AUDIO_FORMAT_FLAC)
            stream = self.stub.Generate(request)
            if i % 3 == 0 and not is_ours:
                next(stream)
                stream.cancel()
                return None
            audio = b"".join(e.audio_chunk.data for e in stream if e.HasField("audio_chunk"))
            return audio if is_ours else None

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            results = [audio for audio in pool.map(call, range(16)) if audio is not None]
        self.assertEqual(len(results), 4)
        for audio in results:
            self.assertEqual(audio, alone)

    def test_errors_carry_details_that_other_clients_read(self):
        with self.assertRaises(grpc.RpcError) as caught:
            list(self.stub.Generate(self.pb.GenerateRequest(duration_seconds=-1)))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        trailers = dict(caught.exception.trailing_metadata())
        self.assertIn(b"google.rpc.BadRequest", trailers["grpc-status-details-bin"])
        self.assertIn(b"google.rpc.ErrorInfo", trailers["grpc-status-details-bin"])
        self.assertIn("x-request-id", trailers)

    def test_health(self):
        stub = health_pb2_grpc.HealthStub(self.channel)
        for service in ["", "magnet.v1.MusicService"]:
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service))
            self.assertEqual(answer.status, health_pb2.HealthCheckResponse.SERVING)

    def test_reflection_is_enough_to_make_a_call(self):
        database = ProtoReflectionDescriptorDatabase(self.channel)
        self.assertIn("magnet.v1.MusicService", database.get_services())
        pool = descriptor_pool.DescriptorPool(database)
        request = message_factory.GetMessageClass(
            pool.FindMessageTypeByName("magnet.v1.ListModelsRequest"))
        response = message_factory.GetMessageClass(
            pool.FindMessageTypeByName("magnet.v1.ListModelsResponse"))
        call = self.channel.unary_unary("/magnet.v1.MusicService/ListModels",
                                        request_serializer=request.SerializeToString,
                                        response_deserializer=response.FromString)
        self.assertEqual(len(call(request()).models), 1)

    @unittest.skipUnless(shutil.which("prometheus"), "prometheus is not installed")
    def test_prometheus_scrapes_it(self):
        self.generate("WAV_S16")
        port = free_port()
        config = self.folder / "prometheus.yml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [{"job_name": "magnet", "static_configs": [
                {"targets": [f"127.0.0.1:{self.metrics_port}"]}]}]}))
        prometheus = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder / 'data'}",
             f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
        try:
            query = urllib.parse.urlencode({"query": 'magnet_requests_total{code="OK"}'})
            limit = time.monotonic() + PATIENCE_SECONDS
            result = []
            while not result and time.monotonic() < limit:
                try:
                    with urllib.request.urlopen(
                            f"http://127.0.0.1:{port}/api/v1/query?{query}") as answer:
                        result = json.load(answer)["data"]["result"]
                except OSError:
                    pass
                time.sleep(0.2)  # between polls of a program that cannot notify us
            self.assertTrue(result, "Prometheus has no sample of ours")
            self.assertGreaterEqual(float(result[0]["value"][1]), 1)
        finally:
            prometheus.terminate()
            prometheus.wait()


if __name__ == "__main__":
    ClientTest.server_path, ClientTest.bundle = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1], verbosity=2)
