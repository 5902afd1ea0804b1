# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that are certain to end, and a private network for them where the kernel allows one."""
import contextlib
import ctypes
import fcntl
import os
import pathlib
import random
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time

PRIVATE = "OPTCTL_E2E_PRIVATE"
STOP_SECONDS = 10
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
FIRST_PORT = 10000

handing_out, handed_out = threading.Lock(), set()  # ports


def isolate():
    """Runs this program again in network and process namespaces of its own, and ends as that does: what binds to every
    address (Flink's Prometheus reporter) can be reached from nowhere else, and the kernel ends what is left when either of
    the two ends. Returns inside, or when that cannot be had."""
    if os.environ.get(PRIVATE) or not shutil.which("unshare"):
        return
    command = ["unshare", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if os.geteuid() != 0:
        command.insert(1, "--map-root-user")
    if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
        sys.exit(_run_inside([*command, sys.executable, *sys.argv]))


def _run_inside(command):
    """unshare itself is deaf to signals: they go to the program that it started."""
    told = []
    inside = subprocess.Popen(command, env={**os.environ, PRIVATE: "1"}, preexec_fn=_end_with_parent)

    def pass_on(number, _frame):
        told.append(time.monotonic())
        for child in pathlib.Path(f"/proc/{inside.pid}/task/{inside.pid}/children").read_text().split():
            os.kill(int(child), number)
    for number in ENDING:
        signal.signal(number, pass_on)
    while True:
        try:
            status = inside.wait(1)
            return status if status >= 0 else 128 - status
        except subprocess.TimeoutExpired:
            if told and time.monotonic() > told[0] + 2 * STOP_SECONDS:
                inside.kill()


def _end_with_parent():
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def is_private():
    return os.environ.get(PRIVATE) == "1"


def bring_up_loopback():
    """The only interface of a new network namespace is down."""
    set_flags, up = 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh22x", b"lo", up))


def free_ports(count):
    """Each for one caller, and none that the kernel gives to a connection: what is to listen there may begin a while later."""
    own = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found = []
    while len(found) < count:
        port = random.randrange(FIRST_PORT, max(own, FIRST_PORT + 1000))
        with handing_out, contextlib.suppress(OSError):
            if port not in handed_out:
                socket.create_server(("127.0.0.1", port)).close()
                handed_out.add(port)
                found.append(port)
    return found


class Processes:
    """Child processes by name, each with its output in FOLDER/NAME.log. Ends those it started and no others."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.running = {}

    def start(self, name, command, **options):
        with open(self.log(name), "ab") as log:
            process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=subprocess.STDOUT, **options)
        self.running[name] = process
        return process

    def log(self, name):
        return self.folder / f"{name}.log"

    def alive(self, name):
        return name in self.running and self.running[name].poll() is None

    def kill(self, name):
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def stop(self, name):
        """Ends it as a user would; returns its exit status."""
        process = self.running.pop(name)
        _stop([process])
        return process.returncode

    def stop_all(self):
        _stop(list(self.running.values()))
        self.running.clear()


def _stop(processes):
    for process in processes:
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def end_on_signals():
    """The first signal ends the program through its `finally` blocks, which no other one disturbs."""
    def end(number, _frame):
        for each in ENDING:
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)
    for number in ENDING:
        signal.signal(number, end)


def is_begun(ledger):
    """Whether a ledger is there with its tables: who makes one makes an empty file first."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as database:
            return bool(database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'decisions'").fetchone()[0])
    except sqlite3.OperationalError:
        return False


def eventually(what, condition, seconds, pause=0.25):
    """The first true answer of condition(); fails with `what` when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(pause)
