"""Packets are lost, come late, or stop coming. If this fails, a bad network eats places of the
servers until they refuse everyone.

usage: bad_link_test.py SERVER CLIENT BUNDLE
"""

import contextlib
import json
import time

import grpc

import network
import replicas
from replicas import PORT, await_that

# An answer may take long on a machine that does other work.
KEEPALIVE = ["--keepalive-seconds", "2", "--keepalive-timeout-seconds", "5"]


class BadLinkTest(replicas.ReplicaTest):
    # What is found here is found by keepalive: the limit for slow readers is out of reach.
    FLAGS = [*KEEPALIVE, "--stall-seconds", "3600"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.links = []
        for replica in cls.replicas:
            link = network.Link(replica.machine)
            cls.addClassCleanup(link.close)
            link.take(replica.address)
            cls.links.append(link)

    def setUp(self):
        self.await_all_up()

    def load(self, *arguments):
        return json.loads(self.client.load(*arguments).communicate()[0])

    def test_loss_and_delay_slow_calls_down_and_break_none(self):
        for link in self.links:
            link.loss, link.delay_seconds = 0.03, 0.2
        try:
            report = self.load("-c", "6", "-n", "24", "-d", "2", "--cancel-fraction", "0.25")
        finally:
            for link in self.links:
                link.loss = link.delay_seconds = 0
        self.assertEqual(report["failed"], 0, report)
        self.assertGreater(sum(link.lost for link in self.links), 0)
        seconds = self.await_no_slot_taken()
        self.figure("3% loss, 200 ms delay each way: calls finished or cancelled on purpose",
                    f'{report["succeeded"]} + {report["cancelled"]}')
        self.figure("3% loss, 200 ms delay each way: calls lost", report["failed"])
        self.figure("3% loss, 200 ms delay each way: packets lost",
                    sum(link.lost for link in self.links))
        self.figure("3% loss, 200 ms delay each way: seconds until all places are free",
                    f"{seconds:.1f}")

    def test_a_cut_link_frees_its_places_and_comes_back(self):
        # Played, not held: HAProxy answers no ping of a server while its caller reads nothing.
        players = [replicas.Player(self.client.hold_stream()) for _ in range(6)]
        far, link = self.replicas[0], self.links[0]
        # How many there are is the balancer's choice, which remembers calls of tests before.
        beyond = int(far.metric("magnet_requests_running"))
        self.assertGreater(beyond, 0)
        link.is_cut = True
        try:
            freed = await_that(far.is_idle, "keepalive has ended the streams beyond the cut")
            await_that(lambda: not self.balancer.is_up(far), "the far replica is marked down")
            meanwhile = self.load("-c", "3", "-n", "9", "-d", "0.5")
            self.assertEqual((meanwhile["succeeded"], meanwhile["errors"]), (9, {}))
        finally:
            link.is_cut = False
        returned = await_that(lambda: self.balancer.is_up(far), "the far replica is up again")
        ends = [player.finish() for player in players]
        codes = sorted(code for code, _ in ends)
        self.assertEqual(codes, [0] * (len(players) - beyond) + [3] * beyond, ends)
        before = far.metric("magnet_requests_total")
        report = self.load("-c", "3", "-n", "9", "-d", "0.5")
        self.assertEqual(report["failed"], 0, report)
        self.assertGreater(far.metric("magnet_requests_total"), before)
        self.await_no_slot_taken()
        self.figure("cut link: seconds until keepalive (2 s + 5 s) has freed the places",
                    f"{freed:.1f}")
        self.figure("cut link: calls lost while one replica is out of reach",
                    meanwhile["failed"])
        self.figure("cut link: seconds from its return until calls go there again",
                    f"{returned:.1f}")

    def test_a_client_that_vanishes_leaves_no_place_taken(self):
        with contextlib.ExitStack() as stack:
            machine = stack.enter_context(contextlib.closing(network.Machine(9)))
            link = stack.enter_context(contextlib.closing(network.Link(machine)))
            direct = self.replicas[0]
            other = self.replicas[1]
            channel = stack.enter_context(grpc.insecure_channel(
                f"{other.address}:{PORT}", replicas.NO_READING_AHEAD))
            generate, request = replicas.music_call(channel)
            request.duration_seconds = 40
            # Reads nothing either, but its transport answers pings.
            present = generate(request, timeout=replicas.PATIENCE_SECONDS)
            replicas.read_first_audio(present)
            # What comes back to the client goes by the link as well.
            machine.run("ip", "route", "replace", "default", "via", "10.2.9.1", "dev", "rope")
            streams = [self.client.hold_stream(replica=f"{direct.address}:{PORT}",
                                               command=machine.command) for _ in range(3)]
            self.client.await_first_audio(streams)
            self.assertEqual(direct.metric("magnet_requests_running"), 3)
            link.is_cut = True
            seconds = await_that(direct.is_idle, "keepalive has ended the vanished client's calls")
            *_, last = present
            self.assertTrue(last.HasField("finished"), "who is slow was taken for gone")
            self.figure("vanished client: seconds until its places are free", f"{seconds:.1f}")

    def test_a_client_that_vanishes_from_the_balancer_leaves_no_place_taken(self):
        with contextlib.ExitStack() as stack:
            machine = stack.enter_context(contextlib.closing(network.Machine(9)))
            link = stack.enter_context(contextlib.closing(network.Link(machine)))
            machine.run("ip", "route", "replace", "default", "via", "10.2.9.1", "dev", "rope")
            streams = [self.client.hold_stream(balancer="10.2.9.1:443", command=machine.command)
                       for _ in range(3)]
            self.client.await_first_audio(streams)
            link.is_cut = True
            start = time.monotonic()
            self.await_no_slot_taken()
            self.figure("client vanished from the balancer: seconds until its places are free",
                        f"{time.monotonic() - start:.1f}")


if __name__ == "__main__":
    replicas.main()
