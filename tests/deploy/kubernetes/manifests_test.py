"""What `kubectl kustomize` makes of the overlays is valid Kubernetes, safe, and fits the server. If
this fails, an installation is refused by the cluster, runs with rights that it does not need, or
loses streams when pods go.

usage: manifests_test.py SERVER BUNDLE
Needs kubectl and kubernetes-validate (deploy/packages/dev.txt).
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
OVERLAYS = ["cpu", "gpu"]
# The oldest that knows every field used, and a late one.
KUBERNETES_VERSIONS = ["1.30", "1.36"]
# Kinds of operators, whose schemas are not Kubernetes' own.
OPERATOR_KINDS = {"ServiceMonitor", "PrometheusRule", "ScaledObject"}
SKIPPED = 77


def kubectl():
    beside = pathlib.Path(sys.executable).with_name("kubectl")
    return str(beside) if beside.exists() else None


class ManifestsTest(unittest.TestCase):
    server_program = bundle = None

    @classmethod
    def setUpClass(cls):
        cls.documents = {}
        for overlay in OVERLAYS:
            built = subprocess.run(
                [kubectl(), "kustomize", ROOT / "deploy/kubernetes/overlays" / overlay],
                capture_output=True, text=True)
            assert built.returncode == 0 and not built.stderr, built.stderr
            cls.documents[overlay] = list(yaml.safe_load_all(built.stdout))

    def each(self, kind):
        for overlay, documents in self.documents.items():
            found = [document for document in documents if document["kind"] == kind]
            self.assertTrue(found, f"{overlay} has no {kind}")
            for document in found:
                with self.subTest(f"{overlay} {kind} {document['metadata']['name']}"):
                    yield overlay, document

    def test_kubernetes_accepts_them(self):
        for overlay, documents in self.documents.items():
            for document in documents:
                if document["kind"] in OPERATOR_KINDS:
                    continue
                for version in KUBERNETES_VERSIONS:
                    with self.subTest(f"{overlay} {document['kind']} {version}"):
                        kubernetes_validate.validate(document, version, strict=True)

    def test_the_check_above_can_fail(self):
        broken = next(d for d in self.documents["cpu"] if d["kind"] == "PodDisruptionBudget")
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate({**broken, "spec": {"maxUnavailble": 1}},
                                         KUBERNETES_VERSIONS[0], strict=True)

    def test_containers_have_no_rights_that_they_do_not_need(self):
        for _, deployment in self.each("Deployment"):
            pod = deployment["spec"]["template"]["spec"]
            self.assertFalse(pod["automountServiceAccountToken"])
            for forbidden in ["hostNetwork", "hostPID", "hostIPC"]:
                self.assertFalse(pod.get(forbidden))
            security = pod["securityContext"]
            self.assertTrue(security["runAsNonRoot"])
            self.assertGreaterEqual(security["runAsUser"], 10000)
            self.assertEqual(security["seccompProfile"]["type"], "RuntimeDefault")
            for volume in pod["volumes"]:
                self.assertNotIn("hostPath", volume)
            for container in pod["initContainers"] + pod["containers"]:
                own = container["securityContext"]
                self.assertTrue(own["readOnlyRootFilesystem"], container["name"])
                self.assertFalse(own["allowPrivilegeEscalation"], container["name"])
                self.assertEqual(own["capabilities"], {"drop": ["ALL"]}, container["name"])
                self.assertNotIn("privileged", own)

    def test_containers_have_resources_and_a_fixed_image(self):
        for overlay, deployment in self.each("Deployment"):
            pod = deployment["spec"]["template"]["spec"]
            for container in pod["initContainers"] + pod["containers"]:
                resources = container["resources"]
                self.assertTrue({"cpu", "memory"} <= set(resources["requests"]), container["name"])
                self.assertIn("memory", resources["limits"], container["name"])
                self.assertRegex(container["image"], rf"/magnet-server:\d[\w.]*-{overlay}$")
            gpus = pod["containers"][0]["resources"]["limits"].get("nvidia.com/gpu")
            self.assertEqual(gpus, "1" if overlay == "gpu" else None)

    def test_probes_ask_the_server_health(self):
        for _, deployment in self.each("Deployment"):
            server = deployment["spec"]["template"]["spec"]["containers"][0]
            ports = {port["name"]: port["containerPort"] for port in server["ports"]}
            for probe in ["startupProbe", "readinessProbe", "livenessProbe"]:
                self.assertEqual(server[probe]["grpc"]["port"], ports["grpc"], probe)
            start = server["startupProbe"]
            self.assertGreaterEqual(start["periodSeconds"] * start["failureThreshold"], 600)
            self.assertEqual(server["readinessProbe"]["failureThreshold"], 1)
            live = server["livenessProbe"]
            self.assertGreaterEqual(live["periodSeconds"] * live["failureThreshold"], 60,
                                    "a busy machine would be restarted")

    def test_a_pod_gets_the_time_to_drain(self):
        for overlay, deployment in self.each("Deployment"):
            pod = deployment["spec"]["template"]["spec"]
            config = self.server_config(overlay)
            before = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
            needed = before + config["drain_seconds"] + config["flush_seconds"]
            self.assertGreater(pod["terminationGracePeriodSeconds"], needed)
            probe = pod["containers"][0]["readinessProbe"]
            self.assertGreaterEqual(before, probe["periodSeconds"])

    def server_config(self, overlay):
        config = next(d for d in self.documents[overlay] if d["kind"] == "ConfigMap")
        return yaml.safe_load(config["data"]["server.yaml"])

    def test_the_server_accepts_its_configuration(self):
        for overlay in OVERLAYS:
            config = self.server_config(overlay)
            config["models"] = [self.bundle]
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                yaml.safe_dump(config, file)
                file.flush()
                done = subprocess.run([self.server_program, "--config", file.name,
                                       "--check-config"], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, overlay + done.stderr)
            self.assertTrue(config["metrics_listen"].endswith(":9464"))

    def test_names_and_labels_meet(self):
        for overlay, documents in self.documents.items():
            kinds = {}
            for document in documents:
                kinds.setdefault(document["kind"], {})[document["metadata"]["name"]] = document
                if document["kind"] != "Namespace":
                    self.assertEqual(document["metadata"]["namespace"], "magnet")
            deployment = kinds["Deployment"]["magnet-server"]
            template = deployment["spec"]["template"]
            labels = template["metadata"]["labels"].items()
            selectors = [deployment["spec"]["selector"]["matchLabels"],
                         kinds["PodDisruptionBudget"]["magnet-server"]["spec"]["selector"]
                         ["matchLabels"],
                         kinds["NetworkPolicy"]["magnet-server"]["spec"]["podSelector"]
                         ["matchLabels"]]
            selectors += [service["spec"]["selector"] for service in kinds["Service"].values()]
            for selector in selectors:
                self.assertLessEqual(selector.items(), labels, overlay)
            self.assertNotIn("replicas", deployment["spec"], "the autoscaler's are overwritten")
            self.assertEqual(kinds["Service"]["magnet-server-headless"]["spec"]["clusterIP"],
                             "None")
            monitor = kinds["ServiceMonitor"]["magnet-server"]["spec"]
            scraped = [service for service in kinds["Service"].values()
                       if monitor["selector"]["matchLabels"].items()
                       <= service["metadata"]["labels"].items()]
            self.assertEqual(len(scraped), 1, "each pod is to be scraped once")
            self.assertIn(monitor["endpoints"][0]["port"],
                          [port["name"] for port in scraped[0]["spec"]["ports"]])
            self.assertEqual(scraped[0]["metadata"]["labels"][monitor["jobLabel"]],
                             "magnet-server", "the rules look for this job")
            scaled = kinds["ScaledObject"]["magnet-server"]["spec"]
            self.assertEqual(scaled["scaleTargetRef"]["name"], "magnet-server")
            self.assertIn("magnet_requests_waiting", scaled["triggers"][0]["metadata"]["query"])
            config_map = next(volume["configMap"]["name"] for volume in
                              template["spec"]["volumes"] if volume["name"] == "config")
            self.assertIn(config_map, kinds["ConfigMap"])

    def test_the_network_policy_lets_nothing_out(self):
        for _, policy in self.each("NetworkPolicy"):
            self.assertEqual(policy["spec"]["policyTypes"], ["Ingress", "Egress"])
            self.assertFalse(policy["spec"].get("egress"))
            for rule in policy["spec"]["ingress"]:
                self.assertTrue(rule["from"] and rule["ports"], "a rule for everyone")


class FetchBundleTest(unittest.TestCase):
    """The init container's script, run here."""

    def setUp(self):
        deployment = yaml.safe_load(
            (ROOT / "deploy/kubernetes/base/deployment.yaml").read_text())
        fetch = deployment["spec"]["template"]["spec"]["initContainers"][0]
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        script = fetch["args"][0]
        for place in ["/bundles", "/models"]:
            script = script.replace(place, f"{self.folder}{place}")
        self.command = [*fetch["command"], script]
        (self.folder / "models").mkdir()
        self.source = self.folder / "bundles/default"
        shutil.copytree(ManifestsTest.bundle, self.source)

    def fetch(self):
        return subprocess.run(self.command, env={"BUNDLE": "default", "PATH": "/usr/bin:/bin"},
                              capture_output=True, text=True)

    def test_copies_a_right_bundle_also_a_second_time(self):
        for _ in range(2):
            done = self.fetch()
            self.assertEqual(done.returncode, 0, done.stderr)
            names = sorted(path.name for path in (self.folder / "models/default").iterdir())
            self.assertEqual(names, sorted(path.name for path in self.source.iterdir()))

    def test_refuses_a_bundle_that_is_torn_or_unsigned(self):
        sums = (self.source / "SHA256SUMS").read_text()
        faults = {
            "weights": lambda: (self.source / "lm.safetensors").write_bytes(b"torn"),
            "sums": lambda: (self.source / "SHA256SUMS").unlink(),
            "empty sums": lambda: (self.source / "SHA256SUMS").write_text(""),
            "a line": lambda: (self.source / "SHA256SUMS").write_text(sums + "nonsense\n"),
            "a file": lambda: (self.source / "codec.safetensors").unlink(),
        }
        for name, break_it in faults.items():
            shutil.rmtree(self.source)
            shutil.copytree(ManifestsTest.bundle, self.source)
            break_it()
            self.assertNotEqual(self.fetch().returncode, 0, name)


if __name__ == "__main__":
    if kubectl() is None:
        print("skipped: needs kubectl (deploy/setup.sh --dev)")
        sys.exit(SKIPPED)
    ManifestsTest.server_program, ManifestsTest.bundle = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
