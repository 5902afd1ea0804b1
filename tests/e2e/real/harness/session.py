# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster with the streaming job on it, in one folder, and whatever else a test needs beside it."""
import json
import math
import pathlib
import shutil
import time

from . import fetch
from .cost import CostWatch
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
CALM_LOOKS = 5
STEER_TURNS = 6
COST_SECONDS = 0.003  # of one record in operator work, which is asleep meanwhile


def needed(rate, cost_seconds=COST_SECONDS):
    """Subtasks of work that a rate keeps busy all the time."""
    return math.ceil(rate * cost_seconds)


class Session:
    """Use it in a `with`: what was started is stopped in any case."""

    running = set()

    def __init__(self, folder, program=None, version=fetch.FLINK):
        self.folder = pathlib.Path(folder).resolve()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.processes = Processes(self.folder)
        self.program, self.version = program, version
        self.schedule = ScheduleFile(self.folder / "schedule")
        self.cost = CostWatch(COST_SECONDS)
        self.cluster = self.broker = self.prometheus = self.job = self.proxy = self.words = None

    def __enter__(self):
        Session.running.add(self)
        return self

    def __exit__(self, *_):
        Session.running.discard(self)
        self.processes.stop_all()

    def start_cluster(self, high_availability=False, **options):
        if high_availability:
            options["settings"] = ZooKeeper(self.processes).start().settings()
        self.cluster = Cluster(self.processes, version=self.version, **options).start()
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
        word, value = what.split()[:2]
        if word == "cost":
            self.cost.change(float(value))

    def submit(self, parallelism=3, name="job", **arguments):
        """The job reads the schedule, or the topic when there is a broker."""
        if self.broker:
            arguments = {"bootstrap": self.broker.address, "topic": TOPIC, "group": name, **arguments}
        words = {"schedule": self.schedule.path, "name": name, **arguments}
        self.words = [str(word) for key, value in words.items() for word in (f"--{key.replace('_', '-')}", value)]
        self.job = self.cost.job = self.cluster.submit(self.words, parallelism).wait_until_running()
        return self.job

    def optctl(self, strategy="plan", interval=5, name="job", flink=None, sources="", warm_up=3, guardrails=QUICK_GUARDRAILS,
               restarts=False):
        """restarts: the job is started again with one parallelism for all operators, and not rescaled in place."""
        return Optctl(self.program, self.processes, "job", name=name, flink=flink or self.cluster.rest.url, warm_up=warm_up,
                      strategy=strategy, interval=interval, sources=sources, guardrails=guardrails,
                      scope="Pipeline" if restarts else "Operator", start=self._start() if restarts else "")

    def _start(self):
        return f"      program: {{jar: {self.cluster.jar.name}, arguments: {json.dumps(self.words)}}}"

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

    def fits(self, rate, width):
        """Wide enough, and no more than half idle by what a record was seen to cost."""
        return width is not None and needed(rate) <= width <= 2 * needed(rate, self.cost.dearest)

    def wait_until_fits(self, rate, seconds):
        """Work becomes as wide as the rate takes, and the job runs."""
        try:
            eventually("", lambda: self.fits(rate, self.width()), seconds)
        except AssertionError:
            most = 2 * needed(rate, self.cost.dearest)
            raise AssertionError(f"not within {seconds} s: work is {needed(rate)} to {most} wide; it is {self.width()}") from None

    def lag_ms(self):
        """Worst of the subtasks; infinite while Flink cannot say."""
        try:
            return self.job.metrics("work", ["work.arrivalLagMs"])["work.arrivalLagMs"]["max"]
        except (OSError, Refused, KeyError):
            return math.inf

    def wait_until_steady(self, seconds=120):
        """What had to wait is worked off: several looks in a row find records that waited for less than a second."""
        calm = 0

        def is_calm():
            nonlocal calm
            calm = calm + 1 if self.lag_ms() < 1000 else 0
            return calm >= CALM_LOOKS
        eventually("records no longer wait", is_calm, seconds, 1)

    def steer(self, optctl, rate, turns=STEER_TURNS):
        """optctl runs a job with nothing to catch up on for some turns: it never asks for a size that does not fit."""
        self.wait_until_steady()
        before = len(optctl.actions())
        optctl.start()
        optctl.wait_for_turns(turns)
        optctl.wait_for_rest()
        odd = [step for step in optctl.widths(before) if not self.fits(rate, step[1])]
        assert not odd, f"for {rate:g} records/s of {self.cost.dearest:.4f} s: {odd}"
        self.wait_until_fits(rate, 30)
        return optctl

    def wait_until_in_time(self, seconds):
        eventually("records are no longer late", lambda: self.lag_ms() < 5000, seconds, 1)
