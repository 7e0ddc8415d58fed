"""Three machines that run magnet-server, HAProxy in front of them as it is shipped, and clients."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

import grpc_reflection.v1alpha.proto_reflection_descriptor_database as reflection
from google.protobuf import descriptor_pool, message_factory

import network

ROOT = pathlib.Path(__file__).resolve().parents[2]
HAPROXY_CONFIG = ROOT / "deploy/proxy/haproxy.cfg"
PORT = 50051
METRICS_PORT = 9464
SKIPPED = 77
PATIENCE_SECONDS = 60
# Few decoding steps: here the transport is tested, not the model.
FEW_STEPS = ["--steps", "2,1,1,1"]
# Little, so that it is the same on every machine; but what a build with sanitizers must be told.
REPLICA_ENVIRONMENT = {"OMP_WAIT_POLICY": "passive", "PATH": "/usr/bin:/bin"} | {
    name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}


def await_that(condition, what, seconds=PATIENCE_SECONDS):
    """Polls until the condition holds; returns the seconds that took."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > seconds:
            raise AssertionError(f"not after {seconds} s: {what}")
        time.sleep(0.05)
    return time.monotonic() - start


def read_page(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return ""


# What a call has not read stays on its server.
NO_READING_AHEAD = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65536),
                    ("grpc.enable_retries", 0)]


def music_call(channel):
    """(MusicService.Generate, a small request for it), as the server's reflection tells."""
    pool = descriptor_pool.DescriptorPool(reflection.ProtoReflectionDescriptorDatabase(channel))
    request = message_factory.GetMessageClass(
        pool.FindMessageTypeByName("magnet.v1.GenerateRequest"))
    response = message_factory.GetMessageClass(
        pool.FindMessageTypeByName("magnet.v1.GenerateResponse"))
    generate = channel.unary_stream("/magnet.v1.MusicService/Generate",
                                    request_serializer=request.SerializeToString,
                                    response_deserializer=response.FromString)
    example = request(prompt="a test", seed=1, duration_seconds=0.5, progress=False)
    example.output.format = 2  # AUDIO_FORMAT_PCM_F32
    example.sampling.decoding_steps.extend([2, 1, 1, 1])
    return generate, example


def read_first_audio(stream):
    while not next(stream).HasField("audio_chunk"):
        pass


class Server:
    """A process of magnet-server whose log is a file."""

    def __init__(self, program, arguments, log_path, command=lambda *a: list(a)):
        self.log_path = pathlib.Path(log_path)
        self._start = len(self.log())
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen(
                command(program, *arguments), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=log, preexec_fn=network.die_with_parent,
                env=REPLICA_ENVIRONMENT)

    def log(self):
        return self.log_path.read_text() if self.log_path.exists() else ""

    def await_line(self, text):
        """The first line since the start of this process with the text."""
        found = []

        def look():
            found.extend(line for line in self.log()[self._start:].splitlines() if text in line)
            return found or self.process.poll() is not None

        await_that(look, f"a line with {text!r} in {self.log_path}")
        if not found:
            raise AssertionError(f"ended without a line with {text!r}: {self.log()}")
        return found[0]

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        return self.process.wait(PATIENCE_SECONDS)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Replica:
    """Replica N of the shipped proxy configuration, on a machine of its own."""

    def __init__(self, number, program, bundle, folder, flags):
        self.name = f"replica{number}"
        self.address = f"10.0.0.{10 + number}"
        self.machine = network.Machine(number)
        self.machine.add_address(self.address)
        self._program = program
        self._arguments = ["--models", bundle, "--listen", f"0.0.0.0:{PORT}", "--insecure",
                           "--metrics-listen", f"0.0.0.0:{METRICS_PORT}", "--threads", "1", *flags]
        self._log_path = folder / f"{self.name}.log"
        self.server = None
        self.start()

    def start(self):
        if self.server is not None:
            self.server.close()
        self.server = Server(self._program, self._arguments, self._log_path, self.machine.command)

    def metric(self, name):
        """Sum of a metric's samples; None where there is no answer."""
        page = read_page(f"http://{self.machine.address}:{METRICS_PORT}/metrics")
        samples = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", page, re.MULTILINE)
        return sum(map(float, samples)) if page else None

    def is_idle(self):
        return all(self.metric(f"magnet_requests_{state}") == 0 for state in ["running", "waiting"])

    def close(self):
        self.server.close()
        self.machine.close()


class Balancer:
    """HAProxy with the shipped configuration; only the place of the certificate is another."""

    ADDRESS = "127.0.0.1:443"

    def __init__(self, folder):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "1", "-subj", "/CN=magnet", "-addext", "subjectAltName=DNS:magnet",
             "-keyout", folder / "key.pem", "-out", folder / "ca.pem"],
            check=True, stderr=subprocess.DEVNULL)
        (folder / "magnet.pem").write_text(
            (folder / "ca.pem").read_text() + (folder / "key.pem").read_text())
        shipped = HAPROXY_CONFIG.read_text()
        config = shipped.replace("/etc/haproxy/magnet.pem", str(folder / "magnet.pem"))
        assert config != shipped, "the certificate's place has changed"
        (folder / "haproxy.cfg").write_text(config)
        self._log = open(folder / "haproxy.log", "wb")
        self.process = subprocess.Popen(
            ["haproxy", "-db", "-f", folder / "haproxy.cfg"], stdout=self._log,
            stderr=subprocess.STDOUT, preexec_fn=network.die_with_parent)

    def check_state(self, replica):
        """What the last health check of a replica said, as L7OK or L4TOUT."""
        page = read_page("http://127.0.0.1:8404/metrics")
        found = re.search(r'^haproxy_server_check_status{[^}]*server="' + replica.name +
                          r'",state="(\w+)"[^}]*} 1$', page, re.MULTILINE)
        return found.group(1) if found else None

    def is_up(self, replica):
        page = read_page("http://127.0.0.1:8404/metrics")
        return re.search(r'^haproxy_server_status{[^}]*server="' + replica.name +
                         r'",state="UP"[^}]*} 1$', page, re.MULTILINE) is not None

    def close(self):
        self.process.terminate()
        self.process.wait()
        self._log.close()


class Player:
    """Reads the audio of a call at about the pace of playing it, until told to finish."""

    BYTES = 16384
    SECONDS = 0.1  # 164 kB/s, where 32 kHz of 32-bit samples are 128 kB/s

    def __init__(self, process):
        self._process = process
        assert process.stdout.read(44) != b"", process.stderr.read()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()

    def _play(self):
        while self._process.stdout.read(self.BYTES):
            self._hurry.wait(self.SECONDS)

    def finish(self):
        """Reads the rest; (exit code, standard error)."""
        self._hurry.set()
        self._thread.join()
        return Client.finish_streams([self._process])[0]


class Client:
    """Command lines of magnet-client that go through the balancer, or to an address."""

    def __init__(self, program, folder):
        self._program = program
        self._held = []
        self._trust = ["--ca", folder / "ca.pem", "--server-name", "magnet"]

    def load(self, *arguments):
        """A run of `load`, started; its report comes on standard output."""
        return subprocess.Popen(
            [self._program, "load", "--json", "--quiet", *FEW_STEPS, *arguments,
             "--server", Balancer.ADDRESS, *self._trust],
            stdout=subprocess.PIPE, text=True, preexec_fn=network.die_with_parent)

    def hold_stream(self, seconds=40, balancer=Balancer.ADDRESS, replica=None,
                    command=lambda *a: list(a)):
        """A call whose audio nobody reads, until `finish_streams`: it stands still mid-stream. To
        the balancer, or without one to the address of a replica."""
        where = ["--server", replica or balancer, *([] if replica else self._trust)]
        stream = subprocess.Popen(
            command(self._program, "generate", "a test", "--seconds", str(seconds), "--seed", "1",
                    "--format", "wav-f32", "-o", "-", "--quiet", "--no-retry", *FEW_STEPS, *where),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=network.die_with_parent)
        self._held.append(stream)
        return stream

    def end_held(self):
        """Ends what a test has left."""
        for stream in self._held:
            stream.kill()
            stream.wait()
            stream.stdout.close()
            stream.stderr.close()
        self._held.clear()

    @staticmethod
    def await_first_audio(streams):
        for stream in streams:
            assert stream.stdout.read(44) != b"", stream.stderr.read()

    @staticmethod
    def finish_streams(streams):
        """Reads all; (exit code, standard error) of each."""
        ends = []
        for stream in streams:
            stream.stdout.read()
            error = stream.stderr.read().decode().strip()
            ends.append((stream.wait(PATIENCE_SECONDS), error))
        return ends


class ReplicaTest(unittest.TestCase):
    """Base of tests with three replicas, which all tests of a class share."""

    FLAGS = []
    server_program = client_program = bundle = None

    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="magnet-fault-"))
        stack.callback(shutil.rmtree, cls.folder)
        cls.replicas = []
        for number in [1, 2, 3]:
            cls.replicas.append(stack.enter_context(contextlib.closing(Replica(
                number, cls.server_program, cls.bundle, cls.folder, cls.FLAGS))))
        cls.balancer = stack.enter_context(contextlib.closing(Balancer(cls.folder)))
        cls.client = Client(cls.client_program, cls.folder)
        cls.await_all_up()

    @classmethod
    def await_all_up(cls):
        for replica in cls.replicas:
            replica.server.await_line('"serving"')
        await_that(lambda: all(cls.balancer.is_up(r) and cls.balancer.check_state(r) == "L7OK"
                               for r in cls.replicas), "all replicas up")

    @classmethod
    def await_no_slot_taken(cls):
        return await_that(lambda: all(replica.is_idle() for replica in cls.replicas),
                          "magnet_requests_running and _waiting are 0 on every replica")

    def tearDown(self):
        self.client.end_held()

    def figure(self, what, value):
        print(f"figure: {what}: {value}", flush=True)


def main():
    """Arguments: SERVER CLIENT BUNDLE."""
    reason = network.missing_ability()
    if reason is None and shutil.which("haproxy") is None:
        reason = "needs haproxy"
    if reason:
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    network.enter_private_network()
    (ReplicaTest.server_program, ReplicaTest.client_program, ReplicaTest.bundle) = sys.argv[1:4]
    unittest.main(module="__main__", argv=sys.argv[:1] + sys.argv[4:], verbosity=2)
