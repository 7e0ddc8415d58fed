"""Every panel of the dashboard, and every recording rule, has data from a real server: the server
is called in every way that it counts, Prometheus scrapes it, and each query is asked. If this
fails, a panel is empty or a metric was renamed.

usage: dashboard_test.py SERVER BUNDLE (needs prometheus)
"""

import http
import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

import grpc
import grpc_reflection.v1alpha.proto_reflection_descriptor_database as reflection
import yaml
from google.protobuf import descriptor_pool, message_factory

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/testing"))
from running_server import RunningServer  # noqa: E402

DASHBOARD = ROOT / "deploy/grafana/magnet-server.json"
RULES = ROOT / "deploy/prometheus/magnet.rules.yml"
SKIPPED = 77
PATIENCE_SECONDS = 90
# What a panel shows that the server of this test has no reason to count.
NAMES_BY_PROMETHEUS = {"up"}
WORDS = {"sum", "rate", "increase", "by", "histogram_quantile", "time", "changes", "le", "scalar",
         "or", "absent"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def queries(dashboard):
    """(title, expression) of every panel, with Grafana's variables filled in."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], (target["expr"].replace("$__rate_interval", "30s")
                                   .replace("$job", "magnet-server").replace("$instance", ".*"))


def metric_names(expression):
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)', "", expression)
    return set(re.findall(r"[a-z_][a-z0-9_:]*", bare)) - WORDS


def exported_names(page):
    """Names of samples, with the suffixes of histograms."""
    return set(re.findall(r"^([a-z_]+)(?:\{| )", page, re.MULTILINE))


class DashboardTest(unittest.TestCase):
    server_program = bundle = None

    @classmethod
    def setUpClass(cls):
        cls.dashboard = json.loads(DASHBOARD.read_text())
        cls.recorded = {rule["record"]: rule["expr"]
                        for group in yaml.safe_load(RULES.read_text())["groups"]
                        for rule in group["rules"] if "record" in rule}
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.metrics = f"127.0.0.1:{free_port()}"
        cls.server = RunningServer(cls.server_program, cls.bundle, "--max-running", "1",
                                   "--max-waiting", "1", "--threads", "1", metrics=cls.metrics)
        cls.addClassCleanup(cls.server.stop)
        cls.channel = grpc.insecure_channel(cls.server.address)
        cls.addClassCleanup(cls.channel.close)
        cls.start_prometheus()

    @classmethod
    def start_prometheus(cls):
        rules = yaml.safe_load(RULES.read_text())
        for group in rules["groups"]:
            group["interval"] = "1s"
        (cls.folder / "rules.yml").write_text(yaml.safe_dump(rules))
        (cls.folder / "prometheus.yml").write_text(yaml.safe_dump({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{"job_name": "magnet-server",
                                "static_configs": [{"targets": [cls.metrics]}]}]}))
        cls.prometheus = f"http://127.0.0.1:{free_port()}"
        process = subprocess.Popen(
            ["prometheus", f"--config.file={cls.folder / 'prometheus.yml'}",
             f"--storage.tsdb.path={cls.folder / 'data'}",
             f"--web.listen-address={cls.prometheus.removeprefix('http://')}"],
            stderr=subprocess.DEVNULL)
        cls.addClassCleanup(cls.stop, process)

    @staticmethod
    def stop(process):
        process.send_signal(signal.SIGTERM)
        process.wait()

    def page(self):
        return fetch(f"http://{self.metrics}/metrics")

    def call_in_every_way(self):
        """One call each that ends well, is wrong, is refused, and is given up by its caller."""
        pool = descriptor_pool.DescriptorPool(
            reflection.ProtoReflectionDescriptorDatabase(self.channel))
        kind = message_factory.GetMessageClass(
            pool.FindMessageTypeByName("magnet.v1.GenerateRequest"))
        answer = message_factory.GetMessageClass(
            pool.FindMessageTypeByName("magnet.v1.GenerateResponse"))
        generate = self.channel.unary_stream("/magnet.v1.MusicService/Generate",
                                             request_serializer=kind.SerializeToString,
                                             response_deserializer=answer.FromString)
        list(generate(kind(prompt="a test", duration_seconds=0.5)))
        with self.assertRaises(grpc.RpcError):
            list(generate(kind(duration_seconds=-1)))
        running = generate(kind(prompt="a test", duration_seconds=60))
        next(running)
        waiting = generate(kind(prompt="a test", duration_seconds=60))
        self.await_that(lambda: "magnet_requests_waiting 1" in self.page(), "a call waits")
        with self.assertRaises(grpc.RpcError) as refused:
            list(generate(kind(prompt="a test", duration_seconds=60)))
        self.assertEqual(refused.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        running.cancel()
        waiting.cancel()
        self.await_that(lambda: all(f"magnet_requests_{state} 0" in self.page()
                                    for state in ["running", "waiting"]), "both have ended")

    def await_that(self, condition, what):
        limit = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), limit, f"not within {PATIENCE_SECONDS} s: {what}")
            time.sleep(0.2)

    def samples(self, expression):
        query = urllib.parse.urlencode({"query": expression})
        try:
            return json.loads(fetch(f"{self.prometheus}/api/v1/query?{query}"))["data"]["result"]
        except urllib.error.HTTPError as error:
            if error.code == http.HTTPStatus.SERVICE_UNAVAILABLE:
                return []  # Prometheus is still starting
            self.fail(f"{expression}: {error.read().decode()}")
        except OSError:
            return []  # and does not listen yet

    def test_queries_name_only_what_is_exported(self):
        self.call_in_every_way()
        known = (exported_names(self.page()) | set(self.recorded) |
                 NAMES_BY_PROMETHEUS)
        for title, expression in queries(self.dashboard):
            self.assertEqual(metric_names(expression) - known, set(), f"panel {title}")
        for name, expression in self.recorded.items():
            self.assertEqual(metric_names(expression) - known, set(), f"rule {name}")

    def test_every_panel_and_rule_has_data(self):
        asked = list(queries(self.dashboard)) + [(name, name) for name in self.recorded]
        missing = dict(asked)
        self.await_that(lambda: self.samples("magnet_build_info"), "the first scrape")

        def all_answer():
            # Rates need two scrapes with calls between them.
            self.call_in_every_way()
            for title, expression in asked:
                if title in missing and self.samples(expression):
                    del missing[title]
            return not missing

        try:
            self.await_that(all_answer, "every query has data")
        except AssertionError:
            self.fail(f"no data for {missing}")
        print(f"{len(asked)} queries have data")


class DashboardFormTest(unittest.TestCase):
    def test_form(self):
        dashboard = json.loads(DASHBOARD.read_text())
        panels = dashboard["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels), "ids are not unique")
        taken = {}
        for panel in panels:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            for cell in [(x, y) for x in range(place["x"], place["x"] + place["w"])
                         for y in range(place["y"], place["y"] + place["h"])]:
                self.assertNotIn(cell, taken, f"{panel['title']} lies on {taken.get(cell)}")
                taken[cell] = panel["title"]
            if panel["type"] == "row":
                continue
            for field in ["description", "targets"]:
                self.assertTrue(panel.get(field), f"{panel['title']} has no {field}")
            self.assertTrue(panel["fieldConfig"]["defaults"]["unit"], panel["title"])
            self.assertEqual(panel["datasource"]["uid"], "${datasource}", "a fixed data source")
        self.assertIsNone(dashboard.get("id"), "the id of one installation")


if __name__ == "__main__":
    if shutil.which("prometheus") is None:
        print("skipped: needs prometheus")
        sys.exit(SKIPPED)
    DashboardTest.server_program, DashboardTest.bundle = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
