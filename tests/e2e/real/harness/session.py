# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster with the streaming job on it, in one folder, and whatever else a test needs beside it."""
import math
import pathlib
import shutil
import time

from .flink import Cluster, Refused
from .kafka import Broker
from .load import ScheduleFile
from .optctl import Optctl
from .processes import Processes, eventually
from .prometheus import Prometheus
from .proxy import Proxy
from .zookeeper import ZooKeeper

TOPIC = "events"
QUICK_GUARDRAILS = "cooldownUpSeconds: 10, cooldownDownSeconds: 20, holdAfterFailureSeconds: 120"
COST_SECONDS = 0.003  # of one record in operator work, which is asleep meanwhile


def needed(rate):
    """Subtasks of work that a rate keeps busy all the time."""
    return math.ceil(rate * COST_SECONDS)


def fits(rate, width):
    """Wide enough, and no more than half idle."""
    return width is not None and needed(rate) <= width <= 2 * needed(rate)


class Session:
    """Use it in a `with`: what was started is stopped in any case."""

    running = set()

    def __init__(self, folder, program=None):
        self.folder = pathlib.Path(folder).resolve()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.processes = Processes(self.folder)
        self.program = program
        self.schedule = ScheduleFile(self.folder / "schedule")
        self.cluster = self.broker = self.prometheus = self.job = self.proxy = None

    def __enter__(self):
        Session.running.add(self)
        return self

    def __exit__(self, *_):
        Session.running.discard(self)
        self.processes.stop_all()

    def start_cluster(self, high_availability=False, **options):
        if high_availability:
            options["settings"] = ZooKeeper(self.processes).start().settings()
        self.cluster = Cluster(self.processes, **options).start()
        return self.cluster

    def start_broker(self, partitions):
        self.broker = Broker(self.processes).start()
        self.broker.create_topic(TOPIC, partitions)

    def start_producer(self):
        self.broker.start_producer(self.cluster.jar, self.schedule.path, TOPIC)

    def start_prometheus(self, **options):
        self.prometheus = Prometheus(self.processes, self.cluster, **options).start()

    def happens(self, what, at=None):
        """From now on (or from a time in seconds since 1970): "rate 900", "cost 2", …"""
        self.schedule.append([f"{int((at or time.time()) * 1000)} {what}"])

    def submit(self, parallelism=3, name="job", **arguments):
        """The job reads the schedule, or the topic when there is a broker."""
        if self.broker:
            arguments = {"bootstrap": self.broker.address, "topic": TOPIC, "group": name, **arguments}
        words = {"schedule": self.schedule.path, "name": name, **arguments}
        flat = [str(word) for key, value in words.items() for word in (f"--{key.replace('_', '-')}", value)]
        self.job = self.cluster.submit(flat, parallelism).wait_until_running()
        return self.job

    def optctl(self, strategy="plan", interval=5, name="job", flink=None, sources="", warm_up=3, guardrails=QUICK_GUARDRAILS):
        return Optctl(self.program, self.processes, "job", name=name, flink=flink or self.cluster.rest.url, warm_up=warm_up,
                      strategy=strategy, interval=interval, sources=sources, guardrails=guardrails)

    def put_between(self):
        """A proxy in front of the JobManager."""
        self.proxy = Proxy(self.cluster.port)
        return self.proxy

    # ---- what the job itself says ----

    def width(self):
        """Subtasks of work that run; None while it starts anew."""
        try:
            runs = self.job.runs()
        except (OSError, Refused):
            return None
        return runs and runs["work"]

    def wait_until_fits(self, rate, seconds):
        """Work becomes as wide as the rate takes, and the job runs."""
        eventually(f"work is {needed(rate)} to {2 * needed(rate)} wide", lambda: fits(rate, self.width()), seconds)

    def lag_ms(self):
        """Worst of the subtasks; infinite while Flink cannot say."""
        try:
            return self.job.metrics("work", ["work.arrivalLagMs"])["work.arrivalLagMs"]["max"]
        except (OSError, Refused, KeyError):
            return math.inf

    def wait_until_in_time(self, seconds):
        eventually("records are no longer late", lambda: self.lag_ms() < 5000, seconds, 1)
