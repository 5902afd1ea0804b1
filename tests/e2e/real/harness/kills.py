# SPDX-License-Identifier: GPL-3.0-or-later
"""optctl is killed with SIGKILL at every point of an action in turn, and started again.

The action is an order to roll back: it makes exactly the calls of any other, and nobody else asks anything meanwhile."""
import collections
import re
import threading
import time

from .optctl import parallelism
from .processes import eventually

QUIET_SECONDS = 0.5
INTERVAL_SECONDS = 20  # of optctl's turns

# The i-th request of a kind since the last write (polls are as many as it takes).
Point = collections.namedtuple("Point", "writes method kind count")


class Walk:
    """Names the points of an action as its requests come, and kills at one of them."""

    def __init__(self, proxy, kill=None, strike=None):
        self.proxy, self.kill, self.strike = proxy, kill, strike
        self.points, self.writes, self.counts = [], 0, collections.Counter()
        self.struck = threading.Event()

    def __enter__(self):
        self.proxy.watch = self.see
        return self

    def __exit__(self, *_):
        self.proxy.watch = None

    def see(self, when, method, path):
        if when == "before":
            self.points.append(self._name(method, path))
        if (self.points[-1], when) != self.strike or self.struck.is_set():
            return True
        self.kill()
        self.struck.set()
        return False

    def _name(self, method, path):
        kind = re.sub("[0-9a-f-]{32,36}", "ID", path.partition("?")[0])
        self.writes += method != "GET"
        self.counts[self.writes, method, kind] += 1
        return Point(self.writes, method, kind, self.counts[self.writes, method, kind])


def strikes(points):
    """Before every request, after every write, and after the last: what lies between two requests is the same point after
    the one as before the other, but for what is written down at the end of a call. Of polls only the first."""
    first = [point for point in points if point.writes == 0 or point.count == 1]
    return sorted({(point, "before") for point in first} | {(point, "after") for point in first if point.method != "GET"}
                  | {(first[-1], "after")}, key=lambda strike: (points.index(strike[0]), strike[1] == "after"))


class Sweep:
    """Between what ran before and after the newest action of the ledger, back and forth."""

    def __init__(self, world, optctl):
        """optctl: paused, with a proxy in between, and turns that are far enough apart for an order between two."""
        self.world, self.optctl, self.proxy = world, optctl, world.proxy
        self.sizes = list(optctl.widths()[-1][:2])
        self.decisions = [optctl.actions()[-1]["decision"]["id"], None]  # to roll back, to go to that size

    def play(self):
        self._start_anew()
        with Walk(self.proxy) as walk:
            assert self.optctl.roll_back(self.decisions[0]), f"not rolled back: see {self.optctl.log}"
        self.decisions[1] = self.optctl.actions()[-1]["decision"]["id"]
        self._wait_until_runs(self.sizes[0])
        for strike in strikes(walk.points):
            self._play(strike)

    def _start_anew(self):
        """A process that knows nothing yet asks always the same: it reaches the engine at once, and again after an interval."""
        if self.optctl.alive():
            self.optctl.stop()
        self.optctl.start()
        eventually("the pipeline is reached", lambda: "turns" in self.optctl.pipeline() and self._is_quiet(), 60)

    def _is_quiet(self):
        before = len(self.proxy.requests)
        time.sleep(QUIET_SECONDS)
        return len(self.proxy.requests) == before

    def _play(self, strike):
        optctl, was = self.optctl, self._runs()
        goal = self.sizes.index(was) ^ 1
        self._start_anew()
        actions, requests = len(optctl.actions()), len(self.proxy.requests)
        with Walk(self.proxy, optctl.kill, strike) as walk:
            optctl.roll_back(self.decisions[goal])
            assert walk.struck.wait(10), f"never came by {strike}: {walk.points}"
        self._start_anew()
        optctl.wait_for_rest()
        print(f"killed {strike[1]} {' '.join(map(str, strike[0]))}:", optctl.widths(actions), flush=True)
        self._check(optctl.actions()[actions:], self.proxy.requests[requests:], was)

    def _check(self, actions, requests, was):
        """The job runs what the ledger says; every write was announced, and none was made twice."""
        assert len(actions) <= 1, actions
        writes = [request for request in requests if request[0] != "GET"]
        calls = [call["call"].split(": ")[0] for action in actions for call in action["calls"]]
        assert calls == [f"{method} {path}" for method, path, _ in writes], (calls, writes)
        made = [(method, path) for method, path, status in writes if status]
        assert len(made) == len(set(made)), made
        assert all(status < 300 for *_, status in writes if status), writes
        for action in actions:
            size = action["to" if action["outcome"]["outcome"] in ("Confirmed", "Unknown") else "from"]
            was = parallelism(size)
        self._wait_until_runs(was)

    def _runs(self):
        job = self.world.cluster.find("job")
        runs = job and job.runs()
        return runs and runs["work"]

    def _wait_until_runs(self, width):
        eventually(f"the job runs {width} wide", lambda: self._runs() == width, 60)
