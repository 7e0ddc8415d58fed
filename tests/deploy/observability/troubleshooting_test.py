"""Every message that docs/troubleshooting.md quotes is one that the programs or the shipped proxy can
say. If this fails, a message was changed and who looks for it finds nothing.

usage: troubleshooting_test.py
"""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/troubleshooting.md"
# What gRPC itself says.
OF_GRPC = {"Stream removed"}


def string_literals():
    """All text between quotes of the sources, adjacent literals joined."""
    texts = []
    for folder in ["server", "model", "client"]:
        for path in sorted((ROOT / folder).rglob("*.cc")):
            joined = re.sub(r'"\s*\n\s*"', "", path.read_text())
            texts += re.findall(r'"((?:[^"\\\n]|\\.)*)"', joined)
    texts += re.findall(r'grpc-message "([^"]*)"',
                        (ROOT / "deploy/proxy/haproxy.cfg").read_text())
    return [text.replace('\\"', '"') for text in texts]


def quoted_messages():
    for line in PAGE.read_text().splitlines():
        if found := re.match(r"\| (?:`` ?(.*?) ?``|`(.*?)`(?= \|)) \|", line):
            yield (found.group(1) or found.group(2)).replace("\\|", "|").strip()


class TroubleshootingTest(unittest.TestCase):
    def test_every_message_is_in_the_sources(self):
        literals = string_literals()
        messages = list(quoted_messages())
        rows = [line for line in PAGE.read_text().splitlines()
                if line.startswith("| `")]
        self.assertEqual(len(messages), len(rows), "a row whose message could not be read")
        for message in messages:
            if message in OF_GRPC:
                continue
            with self.subTest(message):
                # Parts are put together with ": " or "expected " between them.
                pieces = [piece.strip() for piece in re.split("…|: |expected ", message)]
                pieces = [piece for piece in pieces if len(piece) > 2]
                self.assertTrue(pieces, "nothing to look for")
                for piece in pieces:
                    self.assertTrue(any(piece in literal for literal in literals), piece)


if __name__ == "__main__":
    unittest.main(verbosity=2)
