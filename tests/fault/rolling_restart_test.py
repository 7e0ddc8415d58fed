"""Every replica is restarted in turn by SIGTERM, under load. If this fails, an upgrade costs
callers their music.

usage: rolling_restart_test.py SERVER CLIENT BUNDLE
"""

import json
import signal
import threading
import time

import replicas
from replicas import await_that

LEAST_REQUESTS = 200


class RollingRestartTest(replicas.ReplicaTest):
    # Longer than the balancer needs to see that the health has changed.
    FLAGS = ["--drain-delay-seconds", "3"]

    def restart_all(self):
        for replica in self.replicas:
            replica.server.signal(signal.SIGTERM)
            self.assertEqual(replica.server.wait(), 0, replica.server.log())
            replica.start()
            replica.server.await_line('"serving"')
            await_that(lambda: self.balancer.is_up(replica), f"{replica.name} is up again")
            await_that(lambda: replica.metric("magnet_requests_total") > 0,
                       f"{replica.name} gets calls after its restart")

    def load_until(self, restarted, reports):
        requests = 0
        while not restarted.is_set() or requests < LEAST_REQUESTS:
            load = self.client.load("-c", "6", "-n", "50", "-d", "0.5", "--seed", str(requests))
            report = json.loads(load.communicate()[0])
            requests += report["requests"]
            reports.append(report)

    def test_loses_no_request(self):
        restarted = threading.Event()
        reports = []
        # The load in the thread, not the restarts: replicas end with the thread that made them.
        load = threading.Thread(target=self.load_until, args=(restarted, reports))
        start = time.monotonic()
        load.start()
        try:
            self.restart_all()
        finally:
            restarted.set()
            load.join()
        requests = sum(report["requests"] for report in reports)
        succeeded = sum(report["succeeded"] for report in reports)
        slowest = max(report["total_seconds"]["max"] for report in reports)
        errors = [report["errors"] for report in reports if report["errors"]]
        self.figure("rolling restart of 3 replicas: requests", requests)
        self.figure("rolling restart of 3 replicas: lost", requests - succeeded)
        self.figure("rolling restart of 3 replicas: seconds", f"{time.monotonic() - start:.0f}")
        self.figure("rolling restart of 3 replicas: slowest request, seconds", f"{slowest:.1f}")
        self.assertEqual((succeeded, errors), (requests, []))
        self.await_no_slot_taken()


if __name__ == "__main__":
    replicas.main()
