"""The alerts fire where they must and are silent where they must be, and what an alert tells to
read is there. If this fails, nobody is called, or the wrong people at night.

usage: rules_test.py (needs promtool, of Debian's package prometheus)
"""

import pathlib
import re
import shutil
import subprocess
import sys
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
RULES = ROOT / "deploy/prometheus/magnet.rules.yml"
CASES = pathlib.Path(__file__).with_name("alerts.test.yml")
OPERATOR_RULE = ROOT / "deploy/kubernetes/components/monitoring/prometheus-rule.yaml"
SKIPPED = 77


def alerts():
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def operator_rule():
    """The rules as the Prometheus Operator takes them."""
    groups = RULES.read_text().split("\ngroups:\n", 1)[1]
    body = "".join(f"  {line}\n" if line else "\n" for line in groups.splitlines())
    return ("# Made from deploy/prometheus/magnet.rules.yml by rules_test.py --write.\n"
            "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\n"
            "metadata:\n  name: magnet-server\nspec:\n  groups:\n" + body)


class RulesTest(unittest.TestCase):
    def promtool(self, *arguments):
        done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True,
                              cwd=CASES.parent)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_rules_and_configuration_are_valid(self):
        self.promtool("check", "rules", RULES)
        self.promtool("check", "config", ROOT / "deploy/prometheus/prometheus.yml")

    def test_alerts_fire_and_are_silent(self):
        self.promtool("test", "rules", CASES)

    def test_every_alert_has_a_case_of_either_kind(self):
        names = {case["name"] for case in yaml.safe_load(CASES.read_text())["tests"]}
        expected = {f"{alert['alert']}_{kind}" for alert in alerts()
                    for kind in ["fires", "is_silent"]}
        self.assertEqual(names, expected)

    def test_every_alert_has_an_entry_in_the_documentation(self):
        for alert in alerts():
            page, anchor = alert["annotations"]["runbook"].split("#")
            headings = re.findall(r"^#+ (.*)$", (ROOT / page).read_text(), re.MULTILINE)
            self.assertIn(anchor, [heading.lower() for heading in headings], alert["alert"])
            self.assertEqual(anchor, alert["alert"].lower())

    def test_the_operators_copy_is_the_same(self):
        self.assertEqual(OPERATOR_RULE.read_text(), operator_rule(),
                         "run: python rules_test.py --write")
        self.assertEqual(yaml.safe_load(OPERATOR_RULE.read_text())["spec"]["groups"],
                         yaml.safe_load(RULES.read_text())["groups"])


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        OPERATOR_RULE.write_text(operator_rule())
        sys.exit()
    if shutil.which("promtool") is None:
        print("skipped: needs promtool")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
