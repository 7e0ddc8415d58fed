"""The shipped proxy configurations. HAProxy reads its own, and its health check is what gRPC sends;
what HAProxy does under faults is tested in tests/fault. Envoy itself is in no repository that the tests
may use: its file is held against the messages of its API (envoy-data-plane), nothing has run it.

usage: proxy_config_test.py (needs haproxy, openssl, envoy-data-plane)
"""

import dataclasses
import datetime
import enum
import importlib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import types
import typing
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
HAPROXY = ROOT / "deploy/proxy/haproxy.cfg"
ENVOY = ROOT / "deploy/proxy/envoy.yaml"
SKIPPED = 77


def frame(kind, flags, stream, payload):
    return (len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") +
            payload).hex()


def literal(name, value):
    """A header field without index and without Huffman coding."""
    return (b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode())


class HAProxyTest(unittest.TestCase):
    def test_haproxy_accepts_it_without_a_warning(self):
        with tempfile.TemporaryDirectory() as folder:
            pem = pathlib.Path(folder) / "magnet.pem"
            made = subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=magnet",
                 "-keyout", "-"], capture_output=True, text=True)
            pem.write_text(made.stdout)
            config = pathlib.Path(folder) / "haproxy.cfg"
            config.write_text(HAPROXY.read_text().replace("/etc/haproxy/magnet.pem", str(pem)))
            done = subprocess.run(["haproxy", "-c", "-f", config], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("WARNING", done.stderr)

    def test_the_health_check_is_grpcs(self):
        sent = re.findall(r"send-binary ([0-9a-f]+)", HAPROXY.read_text())
        fields = [(":method", "POST"), (":scheme", "http"),
                  (":path", "/grpc.health.v1.Health/Check"), (":authority", "magnet"),
                  ("te", "trailers"), ("content-type", "application/grpc")]
        self.assertEqual(sent, [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".hex(), frame(4, 0, 0, b""),
            frame(1, 4, 1, b"".join(literal(*field) for field in fields)),
            frame(0, 1, 1, bytes(5))])


def envoy_class(name):
    """The message class of a full name, as envoy.config.bootstrap.v3.Bootstrap."""
    package, _, message = name.rpartition(".")
    return getattr(importlib.import_module(f"envoy_data_plane.{package}"), message)


def member_types(hint):
    """The types that a hint allows, without None and the containers around them."""
    if typing.get_origin(hint) in (list, typing.Union, types.UnionType):
        return [kind for part in typing.get_args(hint) for kind in member_types(part)]
    if typing.get_origin(hint) is dict:
        return member_types(typing.get_args(hint)[1])
    return [] if hint is type(None) else [hint]


def check_message(node, kind, path, errors):
    """Names every field of the node that the message does not have, and every wrong choice."""
    if isinstance(node, dict) and "@type" in node:
        kind = envoy_class(node["@type"].removeprefix("type.googleapis.com/"))
        node = {key: value for key, value in node.items() if key != "@type"}
    hints = typing.get_type_hints(kind)
    for key, value in node.items():
        where = f"{path}.{key}"
        if key not in hints:
            errors.append(f"{where}: no field of {kind.__name__}")
            continue
        kinds = member_types(hints[key])
        is_map = typing.get_origin(hints[key]) is dict
        values = value if isinstance(value, list) else list(value.values()) if is_map else [value]
        for i, item in enumerate(values):
            check_value(item, kinds, f"{where}[{i}]", errors)


def check_value(value, kinds, path, errors):
    messages = [kind for kind in kinds if dataclasses.is_dataclass(kind)]
    if isinstance(value, dict):
        if not messages:
            errors.append(f"{path}: expected a single value")
        else:
            check_message(value, messages[0], path, errors)
        return
    choices = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, enum.Enum)]
    if choices and value not in choices[0].__members__:
        errors.append(f"{path}: {value} is none of {list(choices[0].__members__)}")
    is_time = any(kind is datetime.timedelta for kind in kinds)
    if is_time and not re.fullmatch(r"\d+(\.\d+)?s", str(value)):
        errors.append(f"{path}: {value} is no duration")


class EnvoyTest(unittest.TestCase):
    """Against the messages of Envoy's API."""

    def setUp(self):
        self.config = yaml.safe_load(ENVOY.read_text())

    def errors(self):
        errors = []
        check_message(self.config, envoy_class("envoy.config.bootstrap.v3.Bootstrap"), "", errors)
        return errors

    def test_envoys_messages_have_its_fields(self):
        self.assertEqual(self.errors(), [])

    def test_the_check_above_can_fail(self):
        cluster = self.config["static_resources"]["clusters"][0]
        cluster["lb_policy"] = "LEAST_CALLS"
        cluster["connect_timeout"] = 3
        cluster["health_checks"][0]["grpc_health_check"]["service"] = "x"
        manager = self.config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
        manager["typed_config"]["stream_timeout"] = "1s"
        self.assertEqual(len(self.errors()), 4, self.errors())

    def test_what_it_decides(self):
        resources = self.config["static_resources"]
        clusters = {cluster["name"]: cluster for cluster in resources["clusters"]}
        manager = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        route = manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"]
        cluster = clusters[route["cluster"]]
        self.assertEqual(cluster["lb_policy"], "LEAST_REQUEST")
        self.assertIn("grpc_health_check", cluster["health_checks"][0])
        self.assertEqual(route["timeout"], "0s", "Envoy's 15 s would cut long clips")
        conditions = route["retry_policy"]["retry_on"].split(",")
        self.assertNotIn("reset", conditions, "a stream that broke must not be repeated")
        self.assertIn("unavailable", conditions)


if __name__ == "__main__":
    if shutil.which("haproxy") is None:
        print("skipped: needs haproxy")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2, warnings="ignore")  # those of the libraries
