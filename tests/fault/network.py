"""Machines and cables for tests: network namespaces, and links whose faults are chosen.

Everything is gone when the process ends, even by SIGKILL: namespaces live as long as a
process in them, and those die with this one. Needs root, `ip`, `unshare` and /dev/net/tun.
"""

import ctypes
import fcntl
import heapq
import itertools
import os
import pathlib
import random
import select
import shutil
import signal
import struct
import subprocess
import threading
import time

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
TUNSETIFF = 0x400454CA
IFF_TUN_WITHOUT_HEADER = 0x0001 | 0x1000
_libc = ctypes.CDLL(None, use_errno=True)


def missing_ability():
    """Why this machine cannot run such tests, or None."""
    if os.geteuid() != 0:
        return "needs root"
    for program in ["ip", "unshare", "nsenter"]:
        if shutil.which(program) is None:
            return f"needs the program {program}"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "needs /dev/net/tun"
    if subprocess.run(["unshare", "--net", "true"], stderr=subprocess.DEVNULL).returncode != 0:
        return "may not make network namespaces"
    return None


def die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def ip(*arguments):
    subprocess.run(["ip", *map(str, arguments)], check=True)


def enter_private_network():
    """Puts this process into a namespace of its own. Call before any thread is started."""
    if _libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    ip("link", "set", "lo", "up")
    pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


class Machine:
    """A namespace with one good cable to this process: 10.1.N.1 here, 10.1.N.2 there."""

    def __init__(self, number):
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo ready; exec sleep infinity"],
            stdout=subprocess.PIPE, preexec_fn=die_with_parent)
        assert self._holder.stdout.readline() == b"ready\n"
        self.number = number
        self.address = f"10.1.{number}.2"
        near = f"cable{number}"
        ip("link", "add", near, "type", "veth", "peer", "name", "cable", "netns",
           self._holder.pid)
        ip("addr", "add", f"10.1.{number}.1/30", "dev", near)
        ip("link", "set", near, "up")
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "addr", "add", f"{self.address}/30", "dev", "cable")
        self.run("ip", "link", "set", "cable", "up")
        self.run("ip", "route", "add", "default", "via", f"10.1.{number}.1")

    def command(self, *arguments):
        return ["nsenter", "--target", str(self._holder.pid), "--net", *map(str, arguments)]

    def run(self, *arguments):
        subprocess.run(self.command(*arguments), check=True)

    def add_address(self, address):
        """A second address, reached from here by the good cable until a Link takes it."""
        self.run("ip", "addr", "add", f"{address}/32", "dev", "lo")
        ip("route", "add", f"{address}/32", "via", self.address)

    def open_tun(self, name):
        """A TUN device of the machine, as a file of this process."""
        result = []

        def open_there():  # namespaces belong to threads; this one ends here
            with open(f"/proc/{self._holder.pid}/ns/net") as namespace:
                if _libc.setns(namespace.fileno(), CLONE_NEWNET) == 0:
                    result.append(open_tun(name))

        thread = threading.Thread(target=open_there)
        thread.start()
        thread.join()
        return result[0]

    def close(self):
        # At once; by the namespace's end it would go some time later.
        subprocess.run(["ip", "link", "del", f"cable{self.number}"], stderr=subprocess.DEVNULL)
        self._holder.kill()
        self._holder.wait()
        self._holder.stdout.close()


def open_tun(name):
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN_WITHOUT_HEADER))
    return tun


class Link:
    """A second cable to a machine: 10.2.N.1 here, 10.2.N.2 there. A thread carries its packets,
    late by `delay_seconds` each way, loses the share `loss` of them (which ones, a seed decides)
    and all of them while `is_cut`. Needs no kernel module."""

    def __init__(self, machine, delay_seconds=0.0, loss=0.0):
        self.delay_seconds = delay_seconds
        self.loss = loss
        self.is_cut = False
        self.carried = self.lost = 0
        number = machine.number
        self._name = f"link{number}"
        self._ends = [open_tun(self._name), machine.open_tun("rope")]
        ip("addr", "add", f"10.2.{number}.1", "peer", f"10.2.{number}.2", "dev", self._name)
        ip("link", "set", self._name, "up")
        machine.run("ip", "addr", "add", f"10.2.{number}.2", "peer", f"10.2.{number}.1",
                    "dev", "rope")
        machine.run("ip", "link", "set", "rope", "up")
        self._stopped = False
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def take(self, address):
        """From now on the address is reached by this link."""
        ip("route", "replace", f"{address}/32", "dev", self._name)

    def _carry(self):
        chance = random.Random(1)
        order = itertools.count()
        travelling = []  # (arrival, order, end, packet)
        while not self._stopped:
            wait = 0.1
            if travelling:
                wait = min(wait, max(0.0, travelling[0][0] - time.monotonic()))
            for end in select.select(self._ends, [], [], wait)[0]:
                packet = os.read(end, 65536)
                if self.is_cut or chance.random() < self.loss:
                    self.lost += 1
                    continue
                other = self._ends[1 - self._ends.index(end)]
                heapq.heappush(travelling, (time.monotonic() + self.delay_seconds, next(order),
                                            other, packet))
            while travelling and travelling[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(travelling)
                self.carried += 1
                try:
                    os.write(end, packet)
                except OSError:
                    pass  # the machine is gone

    def close(self):
        self._stopped = True
        self._thread.join()
        for end in self._ends:
            os.close(end)
