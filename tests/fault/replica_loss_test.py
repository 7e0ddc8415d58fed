"""A replica dies by SIGKILL in the middle of its streams. If this fails, one machine's end takes
down calls of others, or callers are sent to a machine that is gone.

usage: replica_loss_test.py SERVER CLIENT BUNDLE
"""

import json
import signal
import time

import grpc

import replicas
from replicas import PORT, await_that

UNAVAILABLE_EXIT = 3


class ReplicaLossTest(replicas.ReplicaTest):
    def tearDown(self):
        super().tearDown()
        for replica in self.replicas:
            if replica.server.process.poll() is not None:
                replica.start()
        self.await_all_up()

    def test_behind_the_balancer(self):
        lost = self.replicas[0]
        streams = [self.client.hold_stream() for _ in range(6)]
        self.client.await_first_audio(streams)
        running = [replica.metric("magnet_requests_running") for replica in self.replicas]
        self.assertEqual(running, [2, 2, 2], "calls are not spread over the replicas")

        lost.server.signal(signal.SIGKILL)
        killed = time.monotonic()
        # At once, while the balancer may still think that the replica is there.
        load = self.client.load("-c", "3", "-n", "12", "-d", "0.5")
        report = json.loads(load.communicate()[0])
        self.assertEqual((report["succeeded"], report["errors"]), (12, {}))
        self.figure("new calls right after the loss of a replica, lost", report["failed"])
        await_that(lambda: not self.balancer.is_up(lost), "the lost replica is marked down")
        self.figure("seconds until the balancer has marked the replica down",
                    f"at most {time.monotonic() - killed:.1f}")

        ends = self.client.finish_streams(streams)
        failed = [error for code, error in ends if code != 0]
        self.assertEqual([code for code, _ in ends].count(UNAVAILABLE_EXIT), 2, ends)
        self.assertEqual(len(failed), 2, ends)
        for error in failed:
            self.assertIn("UNAVAILABLE", error)
        self.figure("streams of the lost replica, ended UNAVAILABLE", len(failed))
        self.figure("streams of the others, finished", [code for code, _ in ends].count(0))

        lost.start()
        lost.server.await_line('"serving"')
        self.figure("seconds until the returned replica gets calls again", "%.1f" % await_that(
            lambda: self.balancer.is_up(lost), "the returned replica is up"))
        self.await_no_slot_taken()

    def test_with_balancing_by_the_client(self):
        """gRPC's own round_robin over the addresses of a headless service."""
        target = "ipv4:" + ",".join(f"{replica.address}:{PORT}" for replica in self.replicas)
        channel = grpc.insecure_channel(target, [
            ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
            *replicas.NO_READING_AHEAD])
        self.addCleanup(channel.close)
        generate, request = replicas.music_call(channel)
        request.duration_seconds = 40

        def all_run():  # the channel's connections come up one by one
            return all(r.metric("magnet_requests_running") > 0 for r in self.replicas)

        streams = []
        while not all_run() and len(streams) < 60:
            stream = generate(request, timeout=replicas.PATIENCE_SECONDS)
            replicas.read_first_audio(stream)
            streams.append(stream)
        counts = [int(replica.metric("magnet_requests_running")) for replica in self.replicas]
        self.assertTrue(all(counts), counts)

        self.replicas[0].server.signal(signal.SIGKILL)
        codes = []
        for stream in streams:
            try:
                for _ in stream:
                    pass
                codes.append(grpc.StatusCode.OK)
            except grpc.RpcError as error:
                codes.append(error.code())
        self.assertEqual(codes.count(grpc.StatusCode.UNAVAILABLE), counts[0], codes)
        self.assertEqual(codes.count(grpc.StatusCode.OK), counts[1] + counts[2], codes)
        request.duration_seconds = 0.5
        for _ in range(6):
            self.assertTrue(list(generate(request, timeout=replicas.PATIENCE_SECONDS)))
        self.figure("round_robin: streams of the lost replica, ended UNAVAILABLE", counts[0])
        self.figure("round_robin: streams of the others, finished", counts[1] + counts[2])


class QueuedCallTest(replicas.ReplicaTest):
    # One call works, the others of a replica wait.
    FLAGS = ["--max-running", "1"]

    def test_a_call_that_waits_is_repeated_elsewhere(self):
        lost = self.replicas[0]
        working = [self.client.hold_stream() for _ in range(3)]
        self.client.await_first_audio(working)
        waiting = [self.client.hold_stream(seconds=0.5) for _ in range(3)]
        for replica in self.replicas:
            await_that(lambda: replica.metric("magnet_requests_waiting") == 1, "a call waits")

        lost.server.signal(signal.SIGKILL)
        others = self.replicas[1:]
        await_that(lambda: sum(r.metric("magnet_requests_waiting") for r in others) == 3,
                   "the waiting call of the lost replica waits on another")
        codes = [code for code, _ in self.client.finish_streams(working)]
        self.assertEqual(sorted(codes), [0, 0, UNAVAILABLE_EXIT])
        codes = [code for code, _ in self.client.finish_streams(waiting)]
        self.assertEqual(codes, [0, 0, 0])
        self.figure("calls that waited on the lost replica, finished on another", 1)


if __name__ == "__main__":
    replicas.main()
