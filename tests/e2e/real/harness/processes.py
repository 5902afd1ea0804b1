# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that are certain to end, and a private network for them where the kernel allows one."""
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

PRIVATE = "OPTCTL_E2E_PRIVATE"
STOP_SECONDS = 10


def isolate():
    """Starts this program again in network and process namespaces of its own: what binds to every address (Flink's
    Prometheus reporter) can be reached from nowhere else, and the kernel ends what is left when the program ends.
    Returns when that is done, or when it cannot be had."""
    if os.environ.get(PRIVATE) or not shutil.which("unshare"):
        return
    command = ["unshare", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if os.geteuid() != 0:
        command.insert(1, "--map-root-user")
    if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
        os.execvpe(command[0], [*command, sys.executable, *sys.argv], {**os.environ, PRIVATE: "1"})


def is_private():
    return os.environ.get(PRIVATE) == "1"


def bring_up_loopback():
    """The only interface of a new network namespace is down."""
    set_flags, up = 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh22x", b"lo", up))


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


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
    """SIGTERM and SIGINT end the program through its `finally` blocks."""
    def end(number, _frame):
        raise SystemExit(128 + number)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)


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
