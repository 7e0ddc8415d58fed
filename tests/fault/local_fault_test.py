"""Faults of one machine: a full disk, files that are missing, wrong or exchanged. If this fails,
what runs is hurt by them, or the message does not say what is wrong.

usage: local_fault_test.py SERVER CLIENT BUNDLE
"""

import contextlib
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import replicas
from replicas import FEW_STEPS, Server, await_that

CONFIGURATION_EXIT, FAILED_EXIT = 2, 1
UNAVAILABLE_EXIT = 3


def make_certificate(folder, name):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "1", "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt"],
        check=True, stderr=subprocess.DEVNULL)


class LocalFaultTest(unittest.TestCase):
    server_program = client_program = bundle = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="magnet-fault-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.copy = self.folder / "bundle"
        shutil.copytree(self.bundle, self.copy)

    def serve(self, *flags, log=None):
        server = Server(self.server_program,
                        ["--models", self.copy, "--listen", "127.0.0.1:0", "--metrics-listen", "",
                         "--threads", "1", *flags], log or self.folder / "server.log")
        self.addCleanup(server.close)
        self.address = server.await_line("listening on ").split("listening on ")[1].split('"')[0]
        server.await_line('"serving"')
        return server

    def generate(self, *flags):
        """(exit code, digest of the audio, standard error)."""
        done = subprocess.run(
            [self.client_program, "generate", "a test", "--seconds", "0.5", "--seed", "1", "-o", "-",
             "--quiet", "--no-retry", *FEW_STEPS, "--server", self.address, *flags],
            capture_output=True)
        return done.returncode, hashlib.sha256(done.stdout).hexdigest(), done.stderr.decode()

    def failed_start(self, *flags):
        """(exit code, what it said) of a server that cannot start."""
        done = subprocess.run(
            [self.server_program, "--models", self.copy, "--listen", "127.0.0.1:0",
             "--metrics-listen", "", *flags], stderr=subprocess.PIPE, text=True,
            timeout=replicas.PATIENCE_SECONDS)
        said = [line for line in done.stderr.splitlines() if line.startswith("magnet-server: ")]
        self.assertEqual(len(said), 1, done.stderr)
        print(f"figure: exit {done.returncode}: {said[0].replace(str(self.folder), '')}", flush=True)
        return done.returncode, said[0]

    def test_full_disk_under_the_log(self):
        if os.geteuid() != 0:
            self.skipTest("needs root for a small file system")
        disk = self.folder / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk])
        if mounted.returncode != 0:
            self.skipTest("may not mount a small file system")
        self.addCleanup(subprocess.run, ["umount", "--lazy", disk])
        server = self.serve(log=disk / "server.log")
        filler = disk / "filler"
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        # More lines than what is left of the log's last page.
        lines = server.log().count("\n")
        for _ in range(20):
            self.assertEqual(self.generate()[0], 0, "a full disk under the log ended a call")
        written = server.log().count("\n") - lines
        filler.unlink()
        self.assertEqual(self.generate()[0], 0)
        line = server.await_line("lines of this log could not be written")
        self.assertRegex(line, rf'"{20 - written} lines of this log')
        print(f"figure: full disk: 20 of 20 calls finished, {20 - written} lines lost and said so")

    def test_missing_model_file(self):
        server = self.serve()
        before = self.generate()
        for name in ["lm.safetensors", "spiece.model"]:
            (self.copy / name).unlink()
            code, said = self.failed_start()
            self.assertEqual(code, FAILED_EXIT)
            self.assertIn(f"{self.copy}/{name}: cannot be opened", said)
            self.assertEqual(self.generate(), before, "a running server lost its model")
            shutil.copy(pathlib.Path(self.bundle) / name, self.copy / name)
        shutil.rmtree(self.copy)
        code, said = self.failed_start()
        self.assertEqual(code, CONFIGURATION_EXIT)
        self.assertIn("models: cannot read", said)
        self.assertEqual(self.generate(), before)
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0)

    def test_bundle_exchanged_under_a_running_server(self):
        self.serve()
        before = self.generate()
        self.assertEqual(before[0], 0, before)
        # As a package or `rsync` does it: a new file under the old name.
        weights = self.copy / "lm.safetensors"
        changed = bytearray(weights.read_bytes())
        changed[-1] ^= 0x55
        (self.copy / "new").write_bytes(changed)
        (self.copy / "new").rename(weights)
        self.assertEqual(self.generate(), before, "another bundle changed the music of this one")
        code, said = self.failed_start()
        self.assertEqual(code, FAILED_EXIT)
        self.assertIn(f"{weights}: expected the SHA-256 ", said)

    def test_bundle_overwritten_and_cut_off_in_place(self):
        """As `cp` and a disk that runs full do it."""
        server = self.serve()
        before = self.generate()
        for name in ["lm.safetensors", "codec.safetensors", "text_encoder.safetensors"]:
            size = (self.copy / name).stat().st_size
            with open(self.copy / name, "r+b") as file:
                file.seek(size // 2)
                file.write(bytes(size - size // 2))
            self.assertEqual(self.generate(), before, f"{name} was overwritten")
            os.truncate(self.copy / name, 64)
            self.assertEqual(self.generate(), before, f"{name} was cut off")
        self.assertIsNone(server.process.poll())

    def test_wrong_certificates(self):
        make_certificate(self.folder, "right")
        make_certificate(self.folder, "other")
        certificate, key = self.folder / "tls.crt", self.folder / "tls.key"
        tls = ["--tls-certificate", certificate, "--tls-key", key]

        def install(crt, pem):
            for source, target in [(crt, certificate), (pem, key)]:
                shutil.copy(self.folder / source, self.folder / "new")
                (self.folder / "new").rename(target)

        install("right.crt", "other.key")
        code, said = self.failed_start(*tls)
        self.assertEqual(code, CONFIGURATION_EXIT)
        self.assertIn("tls.key: expected the readable PEM key of the certificate", said)

        install("right.crt", "right.key")
        server = self.serve(*tls)
        self.address = "localhost:" + self.address.rsplit(":", 1)[1]
        trust = ["--ca", self.folder / "right.crt"]
        self.assertEqual(self.generate(*trust)[0], 0)
        code, _, error = self.generate("--ca", self.folder / "other.crt")
        self.assertEqual(code, UNAVAILABLE_EXIT, error)
        print(f"figure: a client that trusts another authority: {error.strip()}", flush=True)

        # A key that does not fit is put in place under the running server.
        install("right.crt", "other.key")
        server.signal(signal.SIGHUP)
        line = server.await_line("not reloaded")
        self.assertIn("expected the readable PEM key of the certificate", line)
        self.assertEqual(self.generate(*trust)[0], 0, "the old certificate was given up")
        # And the right ones for another name: taken up without a restart.
        install("other.crt", "other.key")
        await_that(lambda: self.generate("--ca", self.folder / "other.crt")[0] == 0,
                   "new certificates are taken up")


if __name__ == "__main__":
    (LocalFaultTest.server_program, LocalFaultTest.client_program,
     LocalFaultTest.bundle) = sys.argv[1:4]
    unittest.main(argv=sys.argv[:1] + sys.argv[4:], verbosity=2)
