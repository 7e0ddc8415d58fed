"""The README's examples do what it says: each is quoted as it is, and makes a WAV file.

If it fails, a newcomer's first program does not work.

usage: examples_test.py SERVER BUNDLE CPP_EXAMPLE
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import wave

from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/testing"))
from running_server import RunningServer  # noqa: E402

SERVER, BUNDLE, CPP_EXAMPLE = sys.argv[1:4]


class ExamplesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.scratch.name)
        cls.server = RunningServer(SERVER, BUNDLE)
        cls.address = cls.server.address

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.scratch.cleanup()

    def check_sound(self, path):
        with wave.open(str(path)) as sound:
            self.assertAlmostEqual(sound.getnframes() / sound.getframerate(), 5, delta=0.05)

    def test_readme_quotes_the_python_example(self):
        example = (ROOT / "examples/generate.py").read_text()
        body = example[example.index("import sys"):]
        self.assertIn(f"```python\n{body}```", (ROOT / "README.md").read_text())

    def test_readme_quotes_the_cpp_example(self):
        example = (ROOT / "examples/generate.cc").read_text()
        body = example[example.index("  const auto stub"):example.index("  const grpc::Status status")]
        lines = [line[2:] for line in body.splitlines()]
        self.assertIn("```cpp\n" + "\n".join(lines) + "\n```", (ROOT / "README.md").read_text())

    def test_python_example(self):
        self.assertEqual(0, protoc.main([
            "protoc", f"-I{ROOT / 'proto'}", f"--python_out={self.folder}",
            f"--grpc_python_out={self.folder}", "magnet/v1/music.proto"]))
        out = self.folder / "python.wav"
        result = subprocess.run(
            [sys.executable, ROOT / "examples/generate.py", "a slow piano", out, self.address],
            env=os.environ | {"PYTHONPATH": str(self.folder)}, capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("seed", result.stdout)
        self.check_sound(out)

    def test_cpp_example(self):
        out = self.folder / "cpp.wav"
        result = subprocess.run([CPP_EXAMPLE, "a slow piano", out, self.address],
                                capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("seed", result.stdout)
        self.check_sound(out)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
