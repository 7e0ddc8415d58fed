"""A magnet-server of a test's own, on a port that the system chooses."""

import re
import signal
import subprocess


class RunningServer:
    """Serving when the constructor returns. `address`: host:port of its gRPC listener."""

    def __init__(self, program, bundle, *flags, metrics=""):
        self._process = subprocess.Popen(
            [program, "--models", bundle, "--listen", "127.0.0.1:0", "--metrics-listen", metrics,
             *flags],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.address = re.search(r"listening on ([0-9.:]+)", self.line("listening on"))[1]
        self.line('"serving"')

    def line(self, text):
        """The next line of its log with the text; those before it are gone."""
        passed = []
        for line in self._process.stderr:  # ends when the server does: it cannot hang
            if text in line:
                return line
            passed.append(line)
        raise AssertionError(f"the server ended without a line with {text!r}: {''.join(passed)}")

    def stop(self):
        """Drains as an operator would; returns the exit code."""
        self._process.send_signal(signal.SIGTERM)
        self._process.stderr.read()
        self._process.stderr.close()
        return self._process.wait()
